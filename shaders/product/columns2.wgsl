// product/columns2.wgsl: an invocation has two columns.

struct Columns {
    a: Column,
    b: Column,
}

struct Sums {
    a: RowSums,
    b: RowSums,
}

fn columns_of(matrix: Matrix, first: u32) -> Columns {
    return Columns(column_of(matrix, first, 0u), column_of(matrix, first, 1u));
}

fn plus_products(sums: Sums, columns: Columns, v: Operand, quad: u32) -> Sums {
    return Sums(
        plus_product(sums.a, load_quad(columns.a, quad), v),
        plus_product(sums.b, load_quad(columns.b, quad), v),
    );
}

fn add_sums(acc: ptr<function, Tile>, sums: Sums) {
    add_rows(acc, 0u, sums.a);
    add_rows(acc, ROWS, sums.b);
}
