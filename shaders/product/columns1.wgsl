// product/columns1.wgsl: an invocation has one column.

alias Columns = Column;
alias Sums = RowSums;

fn columns_of(matrix: Matrix, first: u32) -> Columns {
    return column_of(matrix, first, 0u);
}

fn plus_products(sums: Sums, columns: Columns, v: Operand, quad: u32) -> Sums {
    return plus_product(sums, load_quad(columns, quad), v);
}

fn add_sums(acc: ptr<function, Tile>, sums: Sums) {
    add_rows(acc, 0u, sums);
}
