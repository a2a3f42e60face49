// product/columns4.wgsl: an invocation has four columns.

struct Columns {
    a: Column,
    b: Column,
    c: Column,
    d: Column,
}

struct Sums {
    a: RowSums,
    b: RowSums,
    c: RowSums,
    d: RowSums,
}

fn columns_of(matrix: Matrix, first: u32) -> Columns {
    return Columns(
        column_of(matrix, first, 0u),
        column_of(matrix, first, 1u),
        column_of(matrix, first, 2u),
        column_of(matrix, first, 3u),
    );
}

fn plus_products(sums: Sums, columns: Columns, v: Operand, quad: u32) -> Sums {
    return Sums(
        plus_product(sums.a, load_quad(columns.a, quad), v),
        plus_product(sums.b, load_quad(columns.b, quad), v),
        plus_product(sums.c, load_quad(columns.c, quad), v),
        plus_product(sums.d, load_quad(columns.d, quad), v),
    );
}

fn add_sums(acc: ptr<function, Tile>, sums: Sums) {
    add_rows(acc, 0u, sums.a);
    add_rows(acc, ROWS, sums.b);
    add_rows(acc, 2u * ROWS, sums.c);
    add_rows(acc, 3u * ROWS, sums.d);
}
