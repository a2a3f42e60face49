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
struct CellGradient {
    Gates pre;
    float h;
    float c;
    char _pad3[8];
};
typedef Gates type_4[1];
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
struct Carries {
    CellState inner[1];
};
struct Place {
    uint slice;
    uint step;
    uint row;
};
constant uint UNITS = 64u;
constant uint ROWS = 1u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 0u;
constant uint IS_CHOSEN = 0u;
constant uint CAPACITY = 64u;
constant uint QUAD_WORDS = 1u;
constant uint D_PRE = 0u;

float sigmoid(
    float x
) {
    float e = metal::exp(-(metal::abs(x)));
    float r_5 = 1.0 / (1.0 + e);
    return (x >= 0.0) ? r_5 : (e * r_5);
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

float clipped(
    float pre,
    uint slice_3,
    device BackwardParams const& params
) {
    if (false) {
        float _e8 = params.slices.inner[slice_3].choice.preact_clip;
        float _e9 = clip(pre, _e8);
        return _e9;
    }
    return pre;
}

float gate(
    float pre_1,
    uint slice_4,
    device BackwardParams const& params
) {
    float _e2 = clipped(pre_1, slice_4, params);
    float _e3 = activate_f(_e2, slice_4);
    return _e3;
}

float candidate(
    float pre_2,
    uint slice_5,
    device BackwardParams const& params
) {
    float _e2 = clipped(pre_2, slice_5, params);
    float _e3 = activate_g(_e2, slice_5);
    return _e3;
}

CellState cell_update(
    Gates pre_3,
    CellState prev,
    uint slice_6,
    uint unit,
    device BackwardParams const& params
) {
    float _e5 = gate(pre_3.x, slice_6, params);
    float _e7 = gate(pre_3.y, slice_6, params);
    float _e12 = candidate(pre_3.z + (_e5 * pre_3.w), slice_6, params);
    return CellState {((1.0 - _e7) * _e12) + (_e7 * prev.h), 0.0};
}

uint length_of(
    uint row,
    device BackwardParams const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

float d_activate_f(
    float x_7,
    float y_1,
    uint slice_7
) {
    return y_1 * (1.0 - y_1);
}

float d_activate_g(
    float x_8,
    float y_2,
    uint slice_8
) {
    return 1.0 - (y_2 * y_2);
}

float d_activate_h(
    float x_9,
    float y_3,
    uint slice_9
) {
    return 1.0 - (y_3 * y_3);
}

float inside(
    float x_10,
    float bound_1
) {
    return (metal::abs(x_10) <= bound_1) ? 1.0 : 0.0;
}

float passes(
    float pre_4,
    uint slice_10,
    device BackwardParams const& params
) {
    if (false) {
        float _e8 = params.slices.inner[slice_10].choice.preact_clip;
        float _e9 = inside(pre_4, _e8);
        return _e9;
    }
    return 1.0;
}

float d_gate(
    float pre_5,
    float y_4,
    uint slice_11,
    device BackwardParams const& params
) {
    float _e3 = clipped(pre_5, slice_11, params);
    float _e4 = d_activate_f(_e3, y_4, slice_11);
    float _e5 = passes(pre_5, slice_11, params);
    return _e4 * _e5;
}

float d_candidate(
    float pre_6,
    float y_5,
    uint slice_12,
    device BackwardParams const& params
) {
    float _e3 = clipped(pre_6, slice_12, params);
    float _e4 = d_activate_g(_e3, y_5, slice_12);
    float _e5 = passes(pre_6, slice_12, params);
    return _e4 * _e5;
}

CellGradient update_backward(
    Gates pre_7,
    float r_2,
    float prev_h,
    float d_h,
    uint slice_13,
    device BackwardParams const& params
) {
    float _e6 = gate(pre_7.y, slice_13, params);
    float pre_n = pre_7.z + (r_2 * pre_7.w);
    float _e11 = candidate(pre_n, slice_13, params);
    float _e15 = d_candidate(pre_n, _e11, slice_13, params);
    float d_n = (d_h * (1.0 - _e6)) * _e15;
    float _e20 = d_gate(pre_7.y, _e6, slice_13, params);
    float d_z = (d_h * (prev_h - _e11)) * _e20;
    return CellGradient {Gates(pre_7.x, d_z, d_n, r_2 * d_n), _e6 * d_h, 0.0};
}

CellGradient cell_backward(
    Gates pre_8,
    CellState prev_1,
    float d_h_1,
    float d_c_next,
    uint slice_14,
    uint unit_1,
    device BackwardParams const& params
) {
    CellGradient given = {};
    float _e7 = gate(pre_8.x, slice_14, params);
    CellGradient _e9 = update_backward(pre_8, _e7, prev_1.h, d_h_1, slice_14, params);
    given = _e9;
    float _e15 = given.pre.z;
    float _e19 = d_gate(pre_8.x, _e7, slice_14, params);
    given.pre.x = (_e15 * pre_8.w) * _e19;
    CellGradient _e21 = given;
    return _e21;
}

Gates load_full(
    uint row_1,
    uint column,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e5 = weights[row_1 + column];
    return _e5;
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
    bool local_5 = {};
    BackwardSlice slice_16 = params.slices.inner[z_1];
    uint _e8 = length_of(row_3, params);
    if (slice_16.reverse != 0u) {
        local_5 = step_1 < _e8;
    } else {
        local_5 = false;
    }
    bool _e19 = local_5;
    uint t = _e19 ? ((_e8 - 1u) - step_1) : step_1;
    uint _e23 = params.output_stride_t;
    uint _e27 = params.output_stride_b;
    return (((t * _e23) + (row_3 * _e27)) + slice_16.output) + unit_2;
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
    device type_5 const& y_6,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (step_5 == 0u) {
        uint _e11 = params.slices.inner[z_5].h0_;
        uint _e14 = params.recurrent_size;
        float _e19 = carry[(_e11 + (row_7 * _e14)) + unit_5];
        return _e19;
    }
    uint _e23 = output_at(z_5, step_5 - 1u, row_7, unit_5, params);
    float _e25 = y_6[_e23];
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
    thread Tile& acc,
    uint z_7,
    uint next_step,
    uint first_row,
    uint first_unit,
    uint local_6
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
    uint operand,
    uint row_9,
    uint j,
    threadgroup type_8& d_pre_1
) {
    Gates _e8 = d_pre_1.inner[(row_9 * CAPACITY) + j];
    return _e8;
}

metal::float4 operand_quad(
    uint at,
    uint row_10,
    uint quad_,
    threadgroup type_8& d_pre_1
) {
    Gates _e3 = operand_word(at, row_10, quad_, d_pre_1);
    return _e3;
}

BlockOperand block_operand(
    uint at_1,
    uint row_11,
    uint quad_1,
    threadgroup type_8& d_pre_1
) {
    metal::float4 _e3 = operand_quad(at_1, row_11, quad_1, d_pre_1);
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
    thread Tile& acc_1,
    uint first_1,
    SumsOf1_ sums
) {
    float _e4 = acc_1.inner[first_1];
    acc_1.inner[first_1] = _e4 + sums;
    return;
}

BlockOperand operand_1(
    uint at_2,
    uint quad_2,
    threadgroup type_8& d_pre_1
) {
    BlockOperand _e3 = block_operand(at_2, 0u, quad_2, d_pre_1);
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
    thread Tile& acc_2,
    uint first_2,
    SumsOf1_ sums_2
) {
    add_block(acc_2, first_2, sums_2);
    return;
}

uint column_2(
    Matrix matrix_,
    uint unit_7,
    uint u_2
) {
    return metal::min(unit_7 + (u_2 * UNITS), matrix_.columns - 1u);
}

Column column_of(
    Matrix matrix_1,
    uint first_3,
    uint u_3
) {
    uint _e4 = column_2(matrix_1, first_3, u_3);
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
    thread Tile& acc_3,
    SumsOf1_ sums_4
) {
    add_rows(acc_3, 0u, sums_4);
    return;
}

void accumulate(
    thread SumsOf1_& sums_5,
    Column columns_1,
    uint at_3,
    Quads quads,
    device type_4 const& weights,
    threadgroup type_8& d_pre_1,
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
            BlockOperand _e11 = operand_1(at_3, _e10, d_pre_1);
            uint _e12 = q;
            SumsOf1_ _e13 = plus_products(_e9, columns_1, _e11, _e12, weights, _buffer_sizes);
            sums_5 = _e13;
        }
    }
    return;
}

Matrix w_hh_transposed(
    BackwardSlice slice_15,
    device BackwardParams const& params
) {
    uint _e4 = params.recurrent_size;
    uint _e7 = params.t_words;
    return Matrix {slice_15.w_t, _e4, _e7};
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
    uint r_3 = 0u;
    uint2 loop_bound_1 = uint2(4294967295u);
    bool loop_init_1 = true;
    while(true) {
        if (metal::all(loop_bound_1 == uint2(0u))) { break; }
        loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
        if (!loop_init_1) {
            uint _e14 = r_3;
            r_3 = _e14 + 1u;
        }
        loop_init_1 = false;
        uint _e5 = r_3;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e8 = longest;
            uint _e9 = r_3;
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
    CellState next_1,
    device BackwardParams const& params,
    device type_5 const& carry,
    device type_5 const& y_6,
    device type_5 const& d_y,
    device type_4 const& gates,
    constant _mslBufferSizes& _buffer_sizes
) {
    CellState prev_2 = {};
    uint _e5 = length_of(row_12, params);
    if (step_7 >= _e5) {
        return CellGradient {Gates {}, next_1.h, next_1.c};
    }
    uint _e12 = gates_at(step_7, row_12, z_8, params);
    Gates pre_9 = gates[_e12 + unit_8];
    float _e16 = h_before(z_8, step_7, row_12, unit_8, params, carry, y_6, _buffer_sizes);
    prev_2 = CellState {_e16, 0.0};
    if (false) {
        float _e22 = c_before(z_8, step_7, row_12, unit_8, params, carry, _buffer_sizes);
        prev_2.c = _e22;
    }
    float _e23 = d_output(z_8, step_7, row_12, unit_8, params, d_y, _buffer_sizes);
    float d_h_2 = _e23 + next_1.h;
    CellState _e26 = prev_2;
    CellGradient _e28 = cell_backward(pre_9, _e26, d_h_2, next_1.c, z_8, unit_8, params);
    return _e28;
}

void clear(
    uint at_4,
    threadgroup type_8& d_pre_1
) {
    d_pre_1.inner[at_4] = Gates {};
    return;
}

void advance(
    thread Carries& next_2,
    Place place,
    uint local_7,
    device BackwardParams const& params,
    device type_5 const& carry,
    device type_5 const& y_6,
    device type_5 const& d_y,
    threadgroup type_8& d_pre_1,
    device type_4& gates,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint u_4 = 0u;
    uint r_4 = {};
    bool local_8 = {};
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint2 loop_bound_2 = uint2(4294967295u);
    bool loop_init_2 = true;
    while(true) {
        if (metal::all(loop_bound_2 == uint2(0u))) { break; }
        loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
        if (!loop_init_2) {
            uint _e69 = u_4;
            u_4 = _e69 + 1u;
        }
        loop_init_2 = false;
        uint _e5 = u_4;
        if (_e5 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e8 = u_4;
            uint unit_9 = local_7 + (_e8 * UNITS);
            r_4 = 0u;
            uint2 loop_bound_3 = uint2(4294967295u);
            bool loop_init_3 = true;
            while(true) {
                if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                if (!loop_init_3) {
                    uint _e66 = r_4;
                    r_4 = _e66 + 1u;
                }
                loop_init_3 = false;
                uint _e14 = r_4;
                if (_e14 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e18 = r_4;
                    uint row_13 = place.row + _e18;
                    uint _e22 = params.batch;
                    if (row_13 < _e22) {
                        uint _e28 = params.hidden_size;
                        local_8 = unit_9 < _e28;
                    } else {
                        local_8 = false;
                    }
                    bool _e31 = local_8;
                    if (_e31) {
                        uint _e34 = u_4;
                        uint _e37 = r_4;
                        CellState _e40 = next_2.inner[(_e34 * ROWS) + _e37];
                        CellGradient _e41 = unit_backward(place.slice, place.step, row_13, unit_9, _e40, params, carry, y_6, d_y, gates, _buffer_sizes);
                        uint _e45 = gates_at(place.step, row_13, place.slice, params);
                        gates[_e45 + unit_9] = _e41.pre;
                        uint _e50 = r_4;
                        d_pre_1.inner[(_e50 * CAPACITY) + unit_9] = _e41.pre;
                        uint _e56 = u_4;
                        uint _e59 = r_4;
                        next_2.inner[(_e56 * ROWS) + _e59] = CellState {_e41.h, _e41.c};
                    }
                }
            }
        }
    }
    return;
}

void multiply(
    thread Tile& acc_4,
    Matrix matrix_3,
    uint operand_2,
    uint words_1,
    uint local_9,
    device type_4 const& weights,
    threadgroup type_8& d_pre_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    SumsOf1_ sums_6 = {};
    Column _e6 = columns_of(matrix_3, local_9);
    uint _e8 = word_quads(words_1);
    accumulate(sums_6, _e6, operand_2, Quads {0u, _e8, 1u}, weights, d_pre_1, _buffer_sizes);
    SumsOf1_ _e11 = sums_6;
    add_sums(acc_4, _e11);
    return;
}

void add_product(
    thread Carries& next_3,
    uint z_9,
    uint local_10,
    device BackwardParams const& params,
    device type_4 const& weights,
    threadgroup type_8& d_pre_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    Tile acc_5 = {};
    uint i_1 = 0u;
    uint _e5 = params.recurrent_size;
    if (local_10 >= _e5) {
        return;
    }
    BackwardSlice _e11 = params.slices.inner[z_9];
    Matrix _e12 = w_hh_transposed(_e11, params);
    uint _e16 = params.hidden_size;
    multiply(acc_5, _e12, D_PRE, _e16, local_10, weights, d_pre_1, _buffer_sizes);
    uint2 loop_bound_4 = uint2(4294967295u);
    bool loop_init_4 = true;
    while(true) {
        if (metal::all(loop_bound_4 == uint2(0u))) { break; }
        loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
        if (!loop_init_4) {
            uint _e31 = i_1;
            i_1 = _e31 + 1u;
        }
        loop_init_4 = false;
        uint _e19 = i_1;
        if (_e19 < 1u) {
        } else {
            break;
        }
        {
            uint _e22 = i_1;
            float _e25 = next_3.inner[_e22].h;
            uint _e26 = i_1;
            float _e28 = acc_5.inner[_e26];
            next_3.inner[_e22].h = _e25 + _e28;
        }
    }
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
, device type_5 const& y_6 [[user(fake0)]]
, device type_5 const& d_y [[user(fake0)]]
, threadgroup type_8& d_pre_1
, device type_4& gates [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        d_pre_1 = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    Carries next = {};
    uint u = 0u;
    uint r = {};
    uint i = 0u;
    bool local_1 = {};
    uint u_1 = 0u;
    uint r_1 = {};
    bool local_2 = {};
    bool local_3 = {};
    bool local_4 = {};
    uint z_10 = group.y;
    BackwardSlice slice_17 = params.slices.inner[z_10];
    uint first_row_2 = group.x * ROWS;
    uint _e10 = longest_of(first_row_2, params);
    uint2 loop_bound_5 = uint2(4294967295u);
    bool loop_init_5 = true;
    while(true) {
        if (metal::all(loop_bound_5 == uint2(0u))) { break; }
        loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
        if (!loop_init_5) {
            uint _e89 = u;
            u = _e89 + 1u;
        }
        loop_init_5 = false;
        uint _e14 = u;
        if (_e14 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e17 = u;
            uint unit_10 = local + (_e17 * UNITS);
            r = 0u;
            uint2 loop_bound_6 = uint2(4294967295u);
            bool loop_init_6 = true;
            while(true) {
                if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                if (!loop_init_6) {
                    uint _e86 = r;
                    r = _e86 + 1u;
                }
                loop_init_6 = false;
                uint _e23 = r;
                if (_e23 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e26 = r;
                    uint _e30 = params.batch;
                    uint row_14 = metal::min(first_row_2 + _e26, _e30 - 1u);
                    uint _e36 = params.recurrent_size;
                    uint _e40 = params.recurrent_size;
                    uint h_at = (row_14 * _e36) + metal::min(unit_10, _e40 - 1u);
                    uint _e47 = params.hidden_size;
                    uint _e51 = params.hidden_size;
                    uint c_at = (row_14 * _e47) + metal::min(unit_10, _e51 - 1u);
                    uint _e56 = u;
                    uint _e59 = r;
                    float _e67 = carry[slice_17.carry_h + h_at];
                    next.inner[(_e56 * ROWS) + _e59].h = _e67;
                    if (false) {
                        uint _e69 = u;
                        uint _e72 = r;
                        float _e80 = carry[slice_17.carry_c + c_at];
                        next.inner[(_e69 * ROWS) + _e72].c = _e80;
                    }
                    uint _e81 = r;
                    clear((_e81 * CAPACITY) + unit_10, d_pre_1);
                }
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e121 = i;
            i = _e121 + 1u;
        }
        loop_init_7 = false;
        uint _e93 = i;
        uint _e96 = params.num_steps;
        if (_e93 < _e96) {
        } else {
            break;
        }
        {
            uint _e100 = params.first_step;
            uint _e103 = params.num_steps;
            uint _e107 = i;
            uint step_8 = ((_e100 + _e103) - 1u) - _e107;
            uint _e109 = i;
            if (_e109 > 0u) {
                local_1 = (step_8 + 1u) < _e10;
            } else {
                local_1 = false;
            }
            bool _e118 = local_1;
            if (_e118) {
                add_product(next, z_10, local, params, weights, d_pre_1, _buffer_sizes);
            }
            advance(next, Place {z_10, step_8, first_row_2}, local, params, carry, y_6, d_y, d_pre_1, gates, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    uint _e125 = params.first_step;
    if (_e125 < _e10) {
        add_product(next, z_10, local, params, weights, d_pre_1, _buffer_sizes);
    }
    uint2 loop_bound_8 = uint2(4294967295u);
    bool loop_init_8 = true;
    while(true) {
        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
        if (!loop_init_8) {
            uint _e210 = u_1;
            u_1 = _e210 + 1u;
        }
        loop_init_8 = false;
        uint _e129 = u_1;
        if (_e129 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e132 = u_1;
            uint unit_11 = local + (_e132 * UNITS);
            r_1 = 0u;
            uint2 loop_bound_9 = uint2(4294967295u);
            bool loop_init_9 = true;
            while(true) {
                if (metal::all(loop_bound_9 == uint2(0u))) { break; }
                loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
                if (!loop_init_9) {
                    uint _e207 = r_1;
                    r_1 = _e207 + 1u;
                }
                loop_init_9 = false;
                uint _e138 = r_1;
                if (_e138 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e141 = r_1;
                    uint row_15 = first_row_2 + _e141;
                    uint _e145 = params.batch;
                    if (row_15 < _e145) {
                        uint _e151 = params.recurrent_size;
                        local_2 = unit_11 < _e151;
                    } else {
                        local_2 = false;
                    }
                    bool _e154 = local_2;
                    if (_e154) {
                        uint _e159 = params.recurrent_size;
                        uint _e164 = u_1;
                        uint _e167 = r_1;
                        float _e171 = next.inner[(_e164 * ROWS) + _e167].h;
                        carry[(slice_17.carry_h + (row_15 * _e159)) + unit_11] = _e171;
                    }
                    if (false) {
                        uint _e177 = params.batch;
                        local_3 = row_15 < _e177;
                    } else {
                        local_3 = false;
                    }
                    bool _e180 = local_3;
                    if (_e180) {
                        uint _e185 = params.hidden_size;
                        local_4 = unit_11 < _e185;
                    } else {
                        local_4 = false;
                    }
                    bool _e188 = local_4;
                    if (_e188) {
                        uint _e193 = params.hidden_size;
                        uint _e198 = u_1;
                        uint _e201 = r_1;
                        float _e205 = next.inner[(_e198 * ROWS) + _e201].c;
                        carry[(slice_17.carry_c + (row_15 * _e193)) + unit_11] = _e205;
                    }
                }
            }
        }
    }
    return;
}
