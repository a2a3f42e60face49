// product/columns8.wgsl: an invocation has eight columns.

struct Columns {
    a: Column,
    b: Column,
    c: Column,
    d: Column,
    e: Column,
    f: Column,
    g: Column,
    h: Column,
}

struct Sums {
    a: RowSums,
    b: RowSums,
    c: RowSums,
    d: RowSums,
    e: RowSums,
    f: RowSums,
    g: RowSums,
    h: RowSums,
}

fn columns_of(matrix: Matrix, first: u32) -> Columns {
    return Columns(
        column_of(matrix, first, 0u),
        column_of(matrix, first, 1u),
        column_of(matrix, first, 2u),
        column_of(matrix, first, 3u),
        column_of(matrix, first, 4u),
        column_of(matrix, first, 5u),
        column_of(matrix, first, 6u),
        column_of(matrix, first, 7u),
    );
}

fn plus_products(sums: Sums, columns: Columns, v: Operand, quad: u32) -> Sums {
    return Sums(
        plus_product(sums.a, load_quad(columns.a, quad), v),
        plus_product(sums.b, load_quad(columns.b, quad), v),
        plus_product(sums.c, load_quad(columns.c, quad), v),
        plus_product(sums.d, load_quad(columns.d, quad), v),
        plus_product(sums.e, load_quad(columns.e, quad), v),
        plus_product(sums.f, load_quad(columns.f, quad), v),
        plus_product(sums.g, load_quad(columns.g, quad), v),
        plus_product(sums.h, load_quad(columns.h, quad), v),
    );
}

fn add_sums(acc: ptr<function, Tile>, sums: Sums) {
    add_rows(acc, 0u, sums.a);
    add_rows(acc, ROWS, sums.b);
    add_rows(acc, 2u * ROWS, sums.c);
    add_rows(acc, 3u * ROWS, sums.d);
    add_rows(acc, 4u * ROWS, sums.e);
    add_rows(acc, 5u * ROWS, sums.f);
    add_rows(acc, 6u * ROWS, sums.g);
    add_rows(acc, 7u * ROWS, sums.h);
}

fn sums_of(acc: ptr<function, Tile>) -> Sums {
    return Sums(
        rows_of(acc, 0u),
        rows_of(acc, ROWS),
        rows_of(acc, 2u * ROWS),
        rows_of(acc, 3u * ROWS),
        rows_of(acc, 4u * ROWS),
        rows_of(acc, 5u * ROWS),
        rows_of(acc, 6u * ROWS),
        rows_of(acc, 7u * ROWS),
    );
}
