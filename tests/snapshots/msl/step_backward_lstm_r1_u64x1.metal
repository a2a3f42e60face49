// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
    uint size4;
    uint size6;
};

struct Choice {
    uint f;
    float f_alpha;
    float f_beta;
    uint g;
    float g_alpha;
    float g_beta;
    uint h;
    float h_alpha;
    float h_beta;
    uint coupled;
    float preact_clip;
    float cell_clip;
    uint peepholes;
    uint padding_0_;
    uint padding_1_;
    uint padding_2_;
};
struct CellState {
    float h;
    float c;
};
typedef metal::float4 Gates;
struct BackwardSlice {
    uint w_t;
    uint w_hr_t;
    uint carry_h;
    uint carry_c;
    uint h0_;
    uint c_before;
    uint c_after;
    uint output;
    uint reverse;
    uint first_row;
    uint delay;
    uint w_above;
    uint d_peepholes;
    Choice choice;
};
struct type_3 {
    BackwardSlice inner[16];
};
struct BackwardParams {
    uint hidden_size;
    uint recurrent_size;
    uint row_words;
    uint t_words;
    uint batch;
    uint seq_len;
    uint chunk_step;
    uint first_step;
    uint num_steps;
    uint first_tick;
    uint output_stride_t;
    uint output_stride_b;
    uint c_seq;
    uint h_inner;
    uint exchange;
    uint accumulate;
    uint num_slices;
    type_3 slices;
};
typedef Gates type_4[1];
struct CellGradient {
    Gates pre;
    float h;
    float c;
    char _pad3[8];
};
typedef float type_5[1];
struct Tile {
    float inner[1];
};
typedef metal::float4 Quad;
typedef float SumsOf1_;
typedef metal::float2 SumsOf2_;
typedef metal::float4 SumsOf4_;
typedef metal::float4 BlockOperand;
struct type_8 {
    Gates inner[64];
};
struct Column {
    uint first;
    uint stride;
};
struct Matrix {
    uint first;
    uint columns;
    uint row_words;
};
struct Quads {
    uint first;
    uint end;
    uint stride;
};
struct Clock {
    uint step;
};
constant uint UNITS = 64u;
constant uint TILE_WORDS = 64u;
constant uint HAS_H_INNER = 0u;
constant uint ROWS = 1u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 1u;
constant uint IS_CHOSEN = 0u;
constant uint QUAD_WORDS = 1u;

float sigmoid(
    float x
) {
    float e = metal::exp(-(metal::abs(x)));
    float r_2 = 1.0 / (1.0 + e);
    return (x >= 0.0) ? r_2 : (e * r_2);
}

float tanh_stable(
    float x_1
) {
    float e_1 = metal::exp(-2.0 * metal::abs(x_1));
    float saturating = (metal::sign(x_1) * (1.0 - e_1)) / (1.0 + e_1);
    float x2_ = x_1 * x_1;
    float small = x_1 * (1.0 + (x2_ * (-0.33333334 + (x2_ * 0.13333334))));
    return (metal::abs(x_1) < 0.1) ? small : saturating;
}

float keep_nan(
    float x_2,
    float y
) {
    bool is_nan = (as_type<uint>(x_2) & 2147483647u) > 2139095040u;
    return is_nan ? x_2 : y;
}

float clip(
    float x_3,
    float bound
) {
    float _e4 = keep_nan(x_3, metal::clamp(x_3, -(bound), bound));
    return _e4;
}

float activate_f(
    float x_4,
    uint slice
) {
    float _e2 = sigmoid(x_4);
    return _e2;
}

float activate_g(
    float x_5,
    uint slice_1
) {
    float _e2 = tanh_stable(x_5);
    return _e2;
}

float activate_h(
    float x_6,
    uint slice_2
) {
    float _e2 = tanh_stable(x_6);
    return _e2;
}

Gates load_full(
    uint row,
    uint column,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e5 = weights[row + column];
    return _e5;
}

CellState cell_update(
    Gates pre,
    CellState prev,
    uint slice_3,
    uint unit,
    device BackwardParams const& params,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    float f = {};
    if (false) {
        Choice choice = params.slices.inner[slice_3].choice;
        Gates _e11 = load_full(choice.peepholes, unit, weights, _buffer_sizes);
        float _e18 = clip(pre.x + (_e11.x * prev.c), choice.preact_clip);
        float _e19 = activate_f(_e18, slice_3);
        float _e26 = clip(pre.y + (_e11.y * prev.c), choice.preact_clip);
        float _e27 = activate_f(_e26, slice_3);
        f = _e27;
        if (choice.coupled != 0u) {
            f = 1.0 - _e19;
        }
        float _e36 = clip(pre.z, choice.preact_clip);
        float _e37 = activate_g(_e36, slice_3);
        float _e38 = f;
        float _e44 = clip((_e38 * prev.c) + (_e19 * _e37), choice.cell_clip);
        float _e50 = clip(pre.w + (_e11.w * _e44), choice.preact_clip);
        float _e51 = activate_f(_e50, slice_3);
        float _e52 = activate_h(_e44, slice_3);
        return CellState {_e51 * _e52, _e44};
    }
    float _e56 = activate_f(pre.x, slice_3);
    float _e58 = activate_f(pre.y, slice_3);
    float _e60 = activate_g(pre.z, slice_3);
    float _e62 = activate_f(pre.w, slice_3);
    float c = (_e58 * prev.c) + (_e56 * _e60);
    float _e67 = activate_h(c, slice_3);
    return CellState {_e62 * _e67, c};
}

uint length_of(
    uint row_1,
    device BackwardParams const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

float d_activate_f(
    float x_7,
    float y_1,
    uint slice_4
) {
    return y_1 * (1.0 - y_1);
}

float d_activate_g(
    float x_8,
    float y_2,
    uint slice_5
) {
    return 1.0 - (y_2 * y_2);
}

float d_activate_h(
    float x_9,
    float y_3,
    uint slice_6
) {
    return 1.0 - (y_3 * y_3);
}

float inside(
    float x_10,
    float bound_1
) {
    return (metal::abs(x_10) <= bound_1) ? 1.0 : 0.0;
}

CellGradient cell_backward(
    Gates pre_1,
    CellState prev_1,
    float d_h,
    float d_c_next,
    uint slice_7,
    uint unit_1,
    device BackwardParams const& params,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    float d_c = {};
    float d_i_gate = {};
    float d_f = 0.0;
    if (false) {
        Choice choice_1 = params.slices.inner[slice_7].choice;
        float bound_2 = choice_1.preact_clip;
        Gates _e14 = load_full(choice_1.peepholes, unit_1, weights, _buffer_sizes);
        float pre_i = pre_1.x + (_e14.x * prev_1.c);
        float pre_f = pre_1.y + (_e14.y * prev_1.c);
        float _e25 = clip(pre_i, bound_2);
        float _e26 = activate_f(_e25, slice_7);
        float _e27 = clip(pre_f, bound_2);
        float _e28 = activate_f(_e27, slice_7);
        float f_1 = (choice_1.coupled != 0u) ? (1.0 - _e26) : _e28;
        float _e36 = clip(pre_1.z, bound_2);
        float _e37 = activate_g(_e36, slice_7);
        float c_raw = (f_1 * prev_1.c) + (_e26 * _e37);
        float _e43 = clip(c_raw, choice_1.cell_clip);
        float pre_o = pre_1.w + (_e14.w * _e43);
        float _e48 = clip(pre_o, bound_2);
        float _e49 = activate_f(_e48, slice_7);
        float _e50 = activate_h(_e43, slice_7);
        float _e52 = clip(pre_o, bound_2);
        float _e53 = d_activate_f(_e52, _e49, slice_7);
        float _e55 = inside(pre_o, bound_2);
        float d_o = ((d_h * _e50) * _e53) * _e55;
        float _e58 = d_activate_h(_e43, _e50, slice_7);
        d_c = (d_c_next + ((d_h * _e49) * _e58)) + (_e14.w * d_o);
        float _e65 = d_c;
        float _e67 = inside(c_raw, choice_1.cell_clip);
        d_c = _e65 * _e67;
        float _e69 = d_c;
        float d_f_gate = _e69 * prev_1.c;
        float _e72 = d_c;
        d_i_gate = _e72 * _e37;
        if (choice_1.coupled != 0u) {
            float _e80 = d_i_gate;
            d_i_gate = _e80 - d_f_gate;
        } else {
            float _e82 = clip(pre_f, bound_2);
            float _e83 = d_activate_f(_e82, f_1, slice_7);
            float _e85 = inside(pre_f, bound_2);
            d_f = (d_f_gate * _e83) * _e85;
        }
        float _e87 = d_i_gate;
        float _e88 = clip(pre_i, bound_2);
        float _e89 = d_activate_f(_e88, _e26, slice_7);
        float _e91 = inside(pre_i, bound_2);
        float d_i = (_e87 * _e89) * _e91;
        float _e93 = d_c;
        float _e96 = clip(pre_1.z, bound_2);
        float _e97 = d_activate_g(_e96, _e37, slice_7);
        float _e100 = inside(pre_1.z, bound_2);
        float d_g = ((_e93 * _e26) * _e97) * _e100;
        float _e102 = d_f;
        float _e104 = d_c;
        float _e110 = d_f;
        return CellGradient {Gates(d_i, _e102, d_g, d_o), 0.0, ((f_1 * _e104) + (_e14.x * d_i)) + (_e14.y * _e110)};
    }
    float _e116 = activate_f(pre_1.x, slice_7);
    float _e118 = activate_f(pre_1.y, slice_7);
    float _e120 = activate_g(pre_1.z, slice_7);
    float _e122 = activate_f(pre_1.w, slice_7);
    float c_1 = (_e118 * prev_1.c) + (_e116 * _e120);
    float _e127 = activate_h(c_1, slice_7);
    float _e130 = d_activate_f(pre_1.w, _e122, slice_7);
    float d_o_1 = (d_h * _e127) * _e130;
    float _e133 = d_activate_h(c_1, _e127, slice_7);
    float d_c_1 = d_c_next + ((d_h * _e122) * _e133);
    float _e138 = d_activate_f(pre_1.x, _e116, slice_7);
    float d_i_1 = (d_c_1 * _e120) * _e138;
    float _e143 = d_activate_f(pre_1.y, _e118, slice_7);
    float d_f_1 = (d_c_1 * prev_1.c) * _e143;
    float _e147 = d_activate_g(pre_1.z, _e120, slice_7);
    float d_g_1 = (d_c_1 * _e116) * _e147;
    return CellGradient {Gates(d_i_1, d_f_1, d_g_1, d_o_1), 0.0, _e118 * d_c_1};
}

Gates load_scale(
    uint first,
    uint row_words,
    uint column_1
) {
    return Gates {};
}

Gates load_packed(
    uint index,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e3 = weights[index];
    return _e3;
}

Gates unpacked(
    Gates word,
    Gates scale
) {
    return word;
}

uint chunk_row(
    uint step,
    uint row_2,
    uint z,
    device BackwardParams const& params
) {
    uint _e5 = params.chunk_step;
    uint _e9 = params.batch;
    uint _e14 = params.num_slices;
    uint _e20 = params.slices.inner[z].first_row;
    return ((((step - _e5) * _e9) + row_2) * _e14) + _e20;
}

uint output_at(
    uint z_1,
    uint step_1,
    uint row_3,
    uint unit_2,
    device BackwardParams const& params
) {
    bool local_2 = {};
    BackwardSlice slice_10 = params.slices.inner[z_1];
    uint _e8 = length_of(row_3, params);
    if (slice_10.reverse != 0u) {
        local_2 = step_1 < _e8;
    } else {
        local_2 = false;
    }
    bool _e19 = local_2;
    uint t = _e19 ? ((_e8 - 1u) - step_1) : step_1;
    uint _e23 = params.output_stride_t;
    uint _e27 = params.output_stride_b;
    return (((t * _e23) + (row_3 * _e27)) + slice_10.output) + unit_2;
}

uint gates_at(
    uint step_2,
    uint row_4,
    uint z_2,
    device BackwardParams const& params
) {
    uint _e3 = chunk_row(step_2, row_4, z_2, params);
    uint _e6 = params.row_words;
    return _e3 * _e6;
}

float c_after(
    uint z_3,
    uint step_3,
    uint row_5,
    uint unit_3,
    device BackwardParams const& params,
    device type_5 const& carry,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = params.c_seq;
    uint _e8 = chunk_row(step_3, row_5, z_3, params);
    uint _e11 = params.hidden_size;
    float _e16 = carry[(_e7 + (_e8 * _e11)) + unit_3];
    return _e16;
}

float c_before(
    uint z_4,
    uint step_4,
    uint row_6,
    uint unit_4,
    device BackwardParams const& params,
    device type_5 const& carry,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e6 = params.chunk_step;
    if (step_4 > _e6) {
        float _e10 = c_after(z_4, step_4 - 1u, row_6, unit_4, params, carry, _buffer_sizes);
        return _e10;
    }
    uint _e16 = params.slices.inner[z_4].c_before;
    uint _e19 = params.hidden_size;
    float _e24 = carry[(_e16 + (row_6 * _e19)) + unit_4];
    return _e24;
}

float h_before(
    uint z_5,
    uint step_5,
    uint row_7,
    uint unit_5,
    device BackwardParams const& params,
    device type_5 const& carry,
    device type_5 const& y_4,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (step_5 == 0u) {
        uint _e11 = params.slices.inner[z_5].h0_;
        uint _e14 = params.recurrent_size;
        float _e19 = carry[(_e11 + (row_7 * _e14)) + unit_5];
        return _e19;
    }
    uint _e23 = output_at(z_5, step_5 - 1u, row_7, unit_5, params);
    float _e25 = y_4[_e23];
    return _e25;
}

float d_output(
    uint z_6,
    uint step_6,
    uint row_8,
    uint unit_6,
    device BackwardParams const& params,
    device type_5 const& d_y,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = output_at(z_6, step_6, row_8, unit_6, params);
    float _e7 = d_y[_e5];
    return _e7;
}

void multiply_above(
    thread Tile& acc_1,
    uint z_7,
    uint next_step,
    uint first_row,
    uint first_unit,
    uint local_3
) {
    return;
}

SumsOf1_ quad_times_row(
    Quad w,
    metal::float4 v
) {
    return metal::dot(w, v);
}

Gates operand_word(
    uint at,
    uint row_9,
    uint j,
    threadgroup type_8& tile
) {
    Gates _e9 = tile.inner[((row_9 * TILE_WORDS) + j) - at];
    return _e9;
}

metal::float4 operand_quad(
    uint at_1,
    uint row_10,
    uint quad_,
    threadgroup type_8& tile
) {
    Gates _e3 = operand_word(at_1, row_10, quad_, tile);
    return _e3;
}

BlockOperand block_operand(
    uint at_2,
    uint row_11,
    uint quad_1,
    threadgroup type_8& tile
) {
    metal::float4 _e3 = operand_quad(at_2, row_11, quad_1, tile);
    return _e3;
}

SumsOf1_ block_product(
    Quad w_1,
    BlockOperand v_1
) {
    SumsOf1_ _e2 = quad_times_row(w_1, v_1);
    return _e2;
}

void add_block(
    thread Tile& acc_2,
    uint first_1,
    SumsOf1_ sums
) {
    float _e4 = acc_2.inner[first_1];
    acc_2.inner[first_1] = _e4 + sums;
    return;
}

BlockOperand operand(
    uint at_3,
    uint quad_2,
    threadgroup type_8& tile
) {
    BlockOperand _e3 = block_operand(at_3, 0u, quad_2, tile);
    return _e3;
}

SumsOf1_ plus_product(
    SumsOf1_ sums_1,
    Quad w_2,
    BlockOperand v_2
) {
    SumsOf1_ _e3 = block_product(w_2, v_2);
    return sums_1 + _e3;
}

void add_rows(
    thread Tile& acc_3,
    uint first_2,
    SumsOf1_ sums_2
) {
    add_block(acc_3, first_2, sums_2);
    return;
}

uint column_2(
    Matrix matrix_,
    uint unit_7,
    uint u_1
) {
    return metal::min(unit_7 + (u_1 * UNITS), matrix_.columns - 1u);
}

Column column_of(
    Matrix matrix_1,
    uint first_3,
    uint u_2
) {
    uint _e4 = column_2(matrix_1, first_3, u_2);
    return Column {matrix_1.first + _e4, matrix_1.row_words};
}

Column columns_of(
    Matrix matrix_2,
    uint first_4
) {
    Column _e3 = column_of(matrix_2, first_4, 0u);
    return _e3;
}

Quad load_quad(
    Column column_3,
    uint quad_3,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e5 = load_full(column_3.first, quad_3 * column_3.stride, weights, _buffer_sizes);
    return _e5;
}

SumsOf1_ plus_products(
    SumsOf1_ sums_3,
    Column columns,
    BlockOperand v_3,
    uint quad_4,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Quad _e4 = load_quad(columns, quad_4, weights, _buffer_sizes);
    SumsOf1_ _e5 = plus_product(sums_3, _e4, v_3);
    return _e5;
}

void add_sums(
    thread Tile& acc_4,
    SumsOf1_ sums_4
) {
    add_rows(acc_4, 0u, sums_4);
    return;
}

void accumulate(
    thread SumsOf1_& sums_5,
    Column columns_1,
    uint at_4,
    Quads quads,
    device type_4 const& weights,
    threadgroup type_8& tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint q = {};
    q = quads.first;
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e14 = q;
            q = _e14 + quads.stride;
        }
        loop_init = false;
        uint _e6 = q;
        if (_e6 < quads.end) {
        } else {
            break;
        }
        {
            SumsOf1_ _e9 = sums_5;
            uint _e10 = q;
            BlockOperand _e11 = operand(at_4, _e10, tile);
            uint _e12 = q;
            SumsOf1_ _e13 = plus_products(_e9, columns_1, _e11, _e12, weights, _buffer_sizes);
            sums_5 = _e13;
        }
    }
    return;
}

Matrix w_hh_transposed(
    BackwardSlice slice_8,
    device BackwardParams const& params
) {
    uint _e4 = params.recurrent_size;
    uint _e7 = params.t_words;
    return Matrix {slice_8.w_t, _e4, _e7};
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint quads_1(
    uint size
) {
    return naga_div(size + 3u, 4u);
}

uint word_quads(
    uint words
) {
    return naga_div((words + QUAD_WORDS) - 1u, QUAD_WORDS);
}

uint longest_of(
    uint first_row_1,
    device BackwardParams const& params
) {
    uint longest = 0u;
    uint r_1 = 0u;
    uint2 loop_bound_1 = uint2(4294967295u);
    bool loop_init_1 = true;
    while(true) {
        if (metal::all(loop_bound_1 == uint2(0u))) { break; }
        loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
        if (!loop_init_1) {
            uint _e14 = r_1;
            r_1 = _e14 + 1u;
        }
        loop_init_1 = false;
        uint _e5 = r_1;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e8 = longest;
            uint _e9 = r_1;
            uint _e11 = length_of(first_row_1 + _e9, params);
            longest = metal::max(_e8, _e11);
        }
    }
    uint _e16 = longest;
    return _e16;
}

Gates recurrent_part(
    Gates d_pre
) {
    return d_pre;
}

CellGradient unit_backward(
    uint z_8,
    uint step_7,
    uint row_12,
    uint unit_8,
    CellState next,
    device BackwardParams const& params,
    device type_4 const& weights,
    device type_5 const& carry,
    device type_5 const& y_4,
    device type_5 const& d_y,
    device type_4 const& gates,
    constant _mslBufferSizes& _buffer_sizes
) {
    CellState prev_2 = {};
    uint _e5 = length_of(row_12, params);
    if (step_7 >= _e5) {
        return CellGradient {Gates {}, next.h, next.c};
    }
    uint _e12 = gates_at(step_7, row_12, z_8, params);
    Gates pre_2 = gates[_e12 + unit_8];
    float _e16 = h_before(z_8, step_7, row_12, unit_8, params, carry, y_4, _buffer_sizes);
    prev_2 = CellState {_e16, 0.0};
    if (true) {
        float _e22 = c_before(z_8, step_7, row_12, unit_8, params, carry, _buffer_sizes);
        prev_2.c = _e22;
    }
    float _e23 = d_output(z_8, step_7, row_12, unit_8, params, d_y, _buffer_sizes);
    float d_h_1 = _e23 + next.h;
    CellState _e26 = prev_2;
    CellGradient _e28 = cell_backward(pre_2, _e26, d_h_1, next.c, z_8, unit_8, params, weights, _buffer_sizes);
    return _e28;
}

Matrix phase_matrix(
    BackwardSlice slice_9,
    device BackwardParams const& params
) {
    Matrix _e1 = w_hh_transposed(slice_9, params);
    return _e1;
}

uint phase_words(
    device BackwardParams const& params
) {
    uint _e2 = params.hidden_size;
    return _e2;
}

Gates phase_word(
    uint z_9,
    uint next_step_1,
    uint row_13,
    uint j_1,
    device BackwardParams const& params,
    device type_4 const& gates,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = gates_at(next_step_1, row_13, z_9, params);
    Gates _e8 = gates[_e5 + j_1];
    Gates _e9 = recurrent_part(_e8);
    return _e9;
}

bool has_product(
    uint next_step_2,
    uint longest_1,
    device BackwardParams const& params
) {
    bool local_4 = {};
    uint _e4 = params.first_step;
    uint _e7 = params.num_steps;
    if (next_step_2 < (_e4 + _e7)) {
        local_4 = next_step_2 < longest_1;
    } else {
        local_4 = false;
    }
    bool _e14 = local_4;
    return _e14;
}

void finish(
    uint z_10,
    uint next_step_3,
    uint row_14,
    uint unit_9,
    float sum,
    device BackwardParams const& params,
    device type_4 const& weights,
    device type_5& carry,
    device type_5 const& y_4,
    device type_5 const& d_y,
    device type_4& gates,
    constant _mslBufferSizes& _buffer_sizes
) {
    CellState next_1 = {};
    BackwardSlice slice_11 = params.slices.inner[z_10];
    uint _e11 = params.hidden_size;
    uint at_6 = (row_14 * _e11) + unit_9;
    float _e18 = carry[slice_11.carry_h + at_6];
    next_1 = CellState {_e18 + sum, 0.0};
    uint _e25 = params.first_step;
    if (next_step_3 > _e25) {
        if (true) {
            float _e33 = carry[slice_11.carry_c + at_6];
            next_1.c = _e33;
        }
        CellState _e36 = next_1;
        CellGradient _e37 = unit_backward(z_10, next_step_3 - 1u, row_14, unit_9, _e36, params, weights, carry, y_4, d_y, gates, _buffer_sizes);
        uint _e41 = gates_at(next_step_3 - 1u, row_14, z_10, params);
        gates[_e41 + unit_9] = _e37.pre;
        next_1 = CellState {_e37.h, _e37.c};
        if (true) {
            float _e54 = next_1.c;
            carry[slice_11.carry_c + at_6] = _e54;
        }
    }
    float _e60 = next_1.h;
    carry[slice_11.carry_h + at_6] = _e60;
    return;
}

float exchanged(
    uint at_5,
    device type_5 const& carry,
    constant _mslBufferSizes& _buffer_sizes
) {
    float _e3 = carry[at_5];
    return _e3;
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void multiply(
    thread Tile& acc_5,
    Matrix matrix_3,
    uint z_11,
    uint next_step_4,
    uint first_row_2,
    uint first_unit_1,
    uint local_5,
    device BackwardParams const& params,
    device type_4 const& weights,
    threadgroup type_8& tile,
    device type_4 const& gates,
    constant _mslBufferSizes& _buffer_sizes
) {
    SumsOf1_ sums_6 = {};
    uint j0_ = 0u;
    uint i = {};
    Gates word_1 = {};
    uint _e7 = phase_words(params);
    Column _e8 = columns_of(matrix_3, first_unit_1);
    uint2 loop_bound_2 = uint2(4294967295u);
    bool loop_init_2 = true;
    while(true) {
        if (metal::all(loop_bound_2 == uint2(0u))) { break; }
        loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
        if (!loop_init_2) {
            uint _e63 = j0_;
            j0_ = _e63 + TILE_WORDS;
        }
        loop_init_2 = false;
        uint _e12 = j0_;
        if (_e12 < _e7) {
        } else {
            break;
        }
        {
            uint _e14 = j0_;
            uint count = metal::min(_e7 - _e14, TILE_WORDS);
            uint _e19 = word_quads(count);
            uint padded = QUAD_WORDS * _e19;
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            i = local_5;
            uint2 loop_bound_3 = uint2(4294967295u);
            bool loop_init_3 = true;
            while(true) {
                if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                if (!loop_init_3) {
                    uint _e51 = i;
                    i = _e51 + UNITS;
                }
                loop_init_3 = false;
                uint _e22 = i;
                if (_e22 < (ROWS * padded)) {
                } else {
                    break;
                }
                {
                    uint _e26 = i;
                    uint _e31 = params.batch;
                    uint row_15 = metal::min(first_row_2 + naga_div(_e26, padded), _e31 - 1u);
                    uint _e35 = i;
                    uint j_2 = naga_mod(_e35, padded);
                    word_1 = Gates {};
                    if (j_2 < count) {
                        uint _e40 = j0_;
                        Gates _e42 = phase_word(z_11, next_step_4, row_15, _e40 + j_2, params, gates, _buffer_sizes);
                        word_1 = _e42;
                    }
                    uint _e44 = i;
                    Gates _e50 = word_1;
                    tile.inner[(naga_div(_e44, padded) * TILE_WORDS) + j_2] = _e50;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e54 = j0_;
            uint _e55 = j0_;
            uint _e58 = j0_;
            uint _e60 = word_quads(_e58 + count);
            accumulate(sums_6, _e8, _e54, Quads {naga_div(_e55, QUAD_WORDS), _e60, 1u}, weights, tile, _buffer_sizes);
        }
    }
    SumsOf1_ _e66 = sums_6;
    add_sums(acc_5, _e66);
    return;
}

struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, device BackwardParams const& params [[user(fake0)]]
, device type_4 const& weights [[user(fake0)]]
, device type_5& carry [[user(fake0)]]
, device type_5 const& y_4 [[user(fake0)]]
, device type_5 const& d_y [[user(fake0)]]
, threadgroup type_8& tile
, device type_4& gates [[user(fake0)]]
, device Clock const& clock [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    Tile acc = {};
    uint u = 0u;
    uint r = {};
    bool local_1 = {};
    uint z_12 = group.z;
    uint first_row_3 = group.y * ROWS;
    uint first_unit_2 = ((group.x * UNITS) * UNITS_PER_INVOCATION) + local;
    uint _e14 = params.first_tick;
    uint _e17 = clock.step;
    uint _e23 = params.slices.inner[z_12].delay;
    uint tick = (_e14 + _e17) - _e23;
    uint _e27 = params.num_steps;
    if (tick > _e27) {
        return;
    }
    uint _e31 = params.first_step;
    uint _e34 = params.num_steps;
    uint next_step_5 = (_e31 + _e34) - tick;
    BackwardSlice _e40 = params.slices.inner[z_12];
    Matrix _e41 = phase_matrix(_e40, params);
    uint _e43 = longest_of(first_row_3, params);
    bool _e44 = has_product(next_step_5, _e43, params);
    if (_e44) {
        multiply(acc, _e41, z_12, next_step_5, first_row_3, first_unit_2, local, params, weights, tile, gates, _buffer_sizes);
    }
    multiply_above(acc, z_12, next_step_5, first_row_3, first_unit_2, local);
    uint2 loop_bound_4 = uint2(4294967295u);
    bool loop_init_4 = true;
    while(true) {
        if (metal::all(loop_bound_4 == uint2(0u))) { break; }
        loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
        if (!loop_init_4) {
            uint _e82 = u;
            u = _e82 + 1u;
        }
        loop_init_4 = false;
        uint _e47 = u;
        if (_e47 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e50 = u;
            uint unit_10 = first_unit_2 + (_e50 * UNITS);
            r = 0u;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e79 = r;
                    r = _e79 + 1u;
                }
                loop_init_5 = false;
                uint _e56 = r;
                if (_e56 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e59 = r;
                    uint row_16 = first_row_3 + _e59;
                    uint _e63 = params.batch;
                    if (row_16 < _e63) {
                        local_1 = unit_10 < _e41.columns;
                    } else {
                        local_1 = false;
                    }
                    bool _e70 = local_1;
                    if (_e70) {
                        uint _e71 = u;
                        uint _e74 = r;
                        float _e77 = acc.inner[(_e71 * ROWS) + _e74];
                        finish(z_12, next_step_5, row_16, unit_10, _e77, params, weights, carry, y_4, d_y, gates, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}
