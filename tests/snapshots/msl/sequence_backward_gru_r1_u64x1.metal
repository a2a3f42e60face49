// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
    uint size4;
    uint size5;
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
struct type_2 {
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
    type_2 slices;
};
struct CellGradient {
    Gates pre;
    float h;
    float c;
    char _pad3[8];
};
typedef Gates type_3[1];
typedef float type_4[1];
struct Sums {
    float inner[1];
};
struct Matrix {
    uint first;
    uint columns;
    uint row_words;
};
struct type_7 {
    Gates inner[64];
};
struct type_8 {
    Gates inner[4];
};
struct Carries {
    CellState inner[1];
};
struct Place {
    uint slice;
    uint step;
    uint row;
};
constant uint ROWS = 1u;
constant uint UNITS = 64u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 0u;
constant uint IS_CHOSEN = 0u;
constant uint CAPACITY = 64u;

float clip(
    float x,
    float bound
) {
    return (x < -(bound)) ? -(bound) : ((x > bound) ? bound : x);
}

float sigmoid(
    float x_1
) {
    float e = metal::exp(-(metal::abs(x_1)));
    float r_6 = 1.0 / (1.0 + e);
    return (x_1 >= 0.0) ? r_6 : (e * r_6);
}

float tanh_stable(
    float x_2
) {
    float e_1 = metal::exp(-2.0 * metal::abs(x_2));
    float saturating = (metal::sign(x_2) * (1.0 - e_1)) / (1.0 + e_1);
    float x2_ = x_2 * x_2;
    float small = x_2 * (1.0 + (x2_ * (-0.33333334 + (x2_ * 0.13333334))));
    return (metal::abs(x_2) < 0.1) ? small : saturating;
}

float activate_f(
    float x_3,
    uint slice
) {
    float _e2 = sigmoid(x_3);
    return _e2;
}

float activate_g(
    float x_4,
    uint slice_1
) {
    float _e2 = tanh_stable(x_4);
    return _e2;
}

float activate_h(
    float x_5,
    uint slice_2
) {
    float _e2 = tanh_stable(x_5);
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
    float x_6,
    float y,
    uint slice_7
) {
    return y * (1.0 - y);
}

float d_activate_g(
    float x_7,
    float y_1,
    uint slice_8
) {
    return 1.0 - (y_1 * y_1);
}

float d_activate_h(
    float x_8,
    float y_2,
    uint slice_9
) {
    return 1.0 - (y_2 * y_2);
}

float product(
    Gates d,
    Gates w
) {
    return metal::dot(d, w);
}

float inside(
    float x_9,
    float bound_1
) {
    return (metal::abs(x_9) <= bound_1) ? 1.0 : 0.0;
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
    float y_3,
    uint slice_11,
    device BackwardParams const& params
) {
    float _e3 = clipped(pre_5, slice_11, params);
    float _e4 = d_activate_f(_e3, y_3, slice_11);
    float _e5 = passes(pre_5, slice_11, params);
    return _e4 * _e5;
}

float d_candidate(
    float pre_6,
    float y_4,
    uint slice_12,
    device BackwardParams const& params
) {
    float _e3 = clipped(pre_6, slice_12, params);
    float _e4 = d_activate_g(_e3, y_4, slice_12);
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
    device type_3 const& weights,
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
    device type_3 const& weights,
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
    device type_4 const& carry,
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
    device type_4 const& carry,
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
    device type_4 const& carry,
    device type_4 const& y_5,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (step_5 == 0u) {
        uint _e11 = params.slices.inner[z_5].h0_;
        uint _e14 = params.recurrent_size;
        float _e19 = carry[(_e11 + (row_7 * _e14)) + unit_5];
        return _e19;
    }
    uint _e23 = output_at(z_5, step_5 - 1u, row_7, unit_5, params);
    float _e25 = y_5[_e23];
    return _e25;
}

float d_output(
    uint z_6,
    uint step_6,
    uint row_8,
    uint unit_6,
    device BackwardParams const& params,
    device type_4 const& d_y,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = output_at(z_6, step_6, row_8, unit_6, params);
    float _e7 = d_y[_e5];
    return _e7;
}

void multiply_above(
    thread Sums& sums,
    uint z_7,
    uint next_step,
    uint first_row,
    uint first_unit,
    uint local_6
) {
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

uint column_2(
    Matrix matrix_,
    uint unit_7,
    uint u_2
) {
    return metal::min(unit_7 + (u_2 * UNITS), matrix_.columns - 1u);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint quads(
    uint size
) {
    return naga_div(size + 3u, 4u);
}

Gates operand_word(
    uint row_9,
    uint j,
    threadgroup type_7& d_pre_1
) {
    Gates _e7 = d_pre_1.inner[(row_9 * CAPACITY) + j];
    return _e7;
}

void accumulate(
    thread Sums& sums_1,
    Matrix matrix_1,
    uint unit_8,
    uint count,
    device type_3 const& weights,
    threadgroup type_7& d_pre_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    type_8 w_1 = {};
    uint j_1 = 0u;
    uint u_3 = {};
    uint r_3 = {};
    uint u_4 = {};
    uint last = count - 1u;
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e151 = j_1;
            j_1 = _e151 + 4u;
        }
        loop_init = false;
        uint _e9 = j_1;
        if (_e9 < count) {
        } else {
            break;
        }
        {
            uint _e12 = j_1;
            uint row_0_ = matrix_1.first + (_e12 * matrix_1.row_words);
            uint _e17 = j_1;
            uint row_1_ = matrix_1.first + (metal::min(_e17 + 1u, last) * matrix_1.row_words);
            uint _e25 = j_1;
            uint row_2_ = matrix_1.first + (metal::min(_e25 + 2u, last) * matrix_1.row_words);
            uint _e33 = j_1;
            uint row_3_ = matrix_1.first + (metal::min(_e33 + 3u, last) * matrix_1.row_words);
            u_3 = 0u;
            uint2 loop_bound_1 = uint2(4294967295u);
            bool loop_init_1 = true;
            while(true) {
                if (metal::all(loop_bound_1 == uint2(0u))) { break; }
                loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
                if (!loop_init_1) {
                    uint _e74 = u_3;
                    u_3 = _e74 + 1u;
                }
                loop_init_1 = false;
                uint _e42 = u_3;
                if (_e42 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e45 = u_3;
                    uint _e46 = column_2(matrix_1, unit_8, _e45);
                    uint _e48 = u_3;
                    Gates _e51 = load_full(row_0_, _e46, weights, _buffer_sizes);
                    w_1.inner[4u * _e48] = _e51;
                    uint _e53 = u_3;
                    Gates _e58 = load_full(row_1_, _e46, weights, _buffer_sizes);
                    w_1.inner[(4u * _e53) + 1u] = _e58;
                    uint _e60 = u_3;
                    Gates _e65 = load_full(row_2_, _e46, weights, _buffer_sizes);
                    w_1.inner[(4u * _e60) + 2u] = _e65;
                    uint _e67 = u_3;
                    Gates _e72 = load_full(row_3_, _e46, weights, _buffer_sizes);
                    w_1.inner[(4u * _e67) + 3u] = _e72;
                }
            }
            r_3 = 0u;
            uint2 loop_bound_2 = uint2(4294967295u);
            bool loop_init_2 = true;
            while(true) {
                if (metal::all(loop_bound_2 == uint2(0u))) { break; }
                loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
                if (!loop_init_2) {
                    uint _e149 = r_3;
                    r_3 = _e149 + 1u;
                }
                loop_init_2 = false;
                uint _e78 = r_3;
                if (_e78 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e81 = r_3;
                    uint _e82 = j_1;
                    Gates _e83 = operand_word(_e81, _e82, d_pre_1);
                    uint _e84 = r_3;
                    uint _e85 = j_1;
                    Gates _e88 = operand_word(_e84, _e85 + 1u, d_pre_1);
                    uint _e89 = r_3;
                    uint _e90 = j_1;
                    Gates _e93 = operand_word(_e89, _e90 + 2u, d_pre_1);
                    uint _e94 = r_3;
                    uint _e95 = j_1;
                    Gates _e98 = operand_word(_e94, _e95 + 3u, d_pre_1);
                    u_4 = 0u;
                    uint2 loop_bound_3 = uint2(4294967295u);
                    bool loop_init_3 = true;
                    while(true) {
                        if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                        loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                        if (!loop_init_3) {
                            uint _e146 = u_4;
                            u_4 = _e146 + 1u;
                        }
                        loop_init_3 = false;
                        uint _e101 = u_4;
                        if (_e101 < UNITS_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e104 = u_4;
                            uint _e107 = r_3;
                            float _e110 = sums_1.inner[(_e104 * ROWS) + _e107];
                            uint _e112 = u_4;
                            Gates _e115 = w_1.inner[4u * _e112];
                            float _e116 = product(_e83, _e115);
                            uint _e118 = u_4;
                            Gates _e123 = w_1.inner[(4u * _e118) + 1u];
                            float _e124 = product(_e88, _e123);
                            uint _e127 = u_4;
                            Gates _e132 = w_1.inner[(4u * _e127) + 2u];
                            float _e133 = product(_e93, _e132);
                            uint _e136 = u_4;
                            Gates _e141 = w_1.inner[(4u * _e136) + 3u];
                            float _e142 = product(_e98, _e141);
                            sums_1.inner[(_e104 * ROWS) + _e107] = _e110 + (((_e116 + _e124) + _e133) + _e142);
                        }
                    }
                }
            }
        }
    }
    return;
}

uint longest_of(
    uint first_row_1,
    device BackwardParams const& params
) {
    uint longest = 0u;
    uint r_4 = 0u;
    uint2 loop_bound_4 = uint2(4294967295u);
    bool loop_init_4 = true;
    while(true) {
        if (metal::all(loop_bound_4 == uint2(0u))) { break; }
        loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
        if (!loop_init_4) {
            uint _e14 = r_4;
            r_4 = _e14 + 1u;
        }
        loop_init_4 = false;
        uint _e5 = r_4;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e8 = longest;
            uint _e9 = r_4;
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
    uint row_10,
    uint unit_9,
    CellState next_1,
    device BackwardParams const& params,
    device type_4 const& carry,
    device type_4 const& y_5,
    device type_4 const& d_y,
    device type_3 const& gates,
    constant _mslBufferSizes& _buffer_sizes
) {
    CellState prev_2 = {};
    uint _e5 = length_of(row_10, params);
    if (step_7 >= _e5) {
        return CellGradient {Gates {}, next_1.h, next_1.c};
    }
    uint _e12 = gates_at(step_7, row_10, z_8, params);
    Gates pre_9 = gates[_e12 + unit_9];
    float _e16 = h_before(z_8, step_7, row_10, unit_9, params, carry, y_5, _buffer_sizes);
    prev_2 = CellState {_e16, 0.0};
    if (false) {
        float _e22 = c_before(z_8, step_7, row_10, unit_9, params, carry, _buffer_sizes);
        prev_2.c = _e22;
    }
    float _e23 = d_output(z_8, step_7, row_10, unit_9, params, d_y, _buffer_sizes);
    float d_h_2 = _e23 + next_1.h;
    CellState _e26 = prev_2;
    CellGradient _e28 = cell_backward(pre_9, _e26, d_h_2, next_1.c, z_8, unit_9, params);
    return _e28;
}

void clear(
    uint at,
    threadgroup type_7& d_pre_1
) {
    d_pre_1.inner[at] = Gates {};
    return;
}

void multiply(
    thread Sums& sums_2,
    uint z_9,
    uint local_7,
    device BackwardParams const& params,
    device type_3 const& weights,
    threadgroup type_7& d_pre_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    BackwardSlice _e6 = params.slices.inner[z_9];
    Matrix _e7 = w_hh_transposed(_e6, params);
    uint _e10 = params.hidden_size;
    accumulate(sums_2, _e7, local_7, _e10, weights, d_pre_1, _buffer_sizes);
    return;
}

void advance(
    thread Carries& next_2,
    Place place,
    uint local_8,
    device BackwardParams const& params,
    device type_4 const& carry,
    device type_4 const& y_5,
    device type_4 const& d_y,
    device type_3& gates,
    threadgroup type_7& d_pre_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint u_5 = 0u;
    uint r_5 = {};
    bool local_9 = {};
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint2 loop_bound_5 = uint2(4294967295u);
    bool loop_init_5 = true;
    while(true) {
        if (metal::all(loop_bound_5 == uint2(0u))) { break; }
        loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
        if (!loop_init_5) {
            uint _e69 = u_5;
            u_5 = _e69 + 1u;
        }
        loop_init_5 = false;
        uint _e5 = u_5;
        if (_e5 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e8 = u_5;
            uint unit_10 = local_8 + (_e8 * UNITS);
            r_5 = 0u;
            uint2 loop_bound_6 = uint2(4294967295u);
            bool loop_init_6 = true;
            while(true) {
                if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                if (!loop_init_6) {
                    uint _e66 = r_5;
                    r_5 = _e66 + 1u;
                }
                loop_init_6 = false;
                uint _e14 = r_5;
                if (_e14 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e18 = r_5;
                    uint row_11 = place.row + _e18;
                    uint _e22 = params.batch;
                    if (row_11 < _e22) {
                        uint _e28 = params.hidden_size;
                        local_9 = unit_10 < _e28;
                    } else {
                        local_9 = false;
                    }
                    bool _e31 = local_9;
                    if (_e31) {
                        uint _e34 = u_5;
                        uint _e37 = r_5;
                        CellState _e40 = next_2.inner[(_e34 * ROWS) + _e37];
                        CellGradient _e41 = unit_backward(place.slice, place.step, row_11, unit_10, _e40, params, carry, y_5, d_y, gates, _buffer_sizes);
                        uint _e45 = gates_at(place.step, row_11, place.slice, params);
                        gates[_e45 + unit_10] = _e41.pre;
                        uint _e50 = r_5;
                        d_pre_1.inner[(_e50 * CAPACITY) + unit_10] = _e41.pre;
                        uint _e56 = u_5;
                        uint _e59 = r_5;
                        next_2.inner[(_e56 * ROWS) + _e59] = CellState {_e41.h, _e41.c};
                    }
                }
            }
        }
    }
    return;
}

void add_product(
    thread Carries& next_3,
    uint z_10,
    uint local_10,
    device BackwardParams const& params,
    device type_3 const& weights,
    threadgroup type_7& d_pre_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    Sums sums_3 = {};
    uint i_1 = 0u;
    uint _e5 = params.recurrent_size;
    if (local_10 >= _e5) {
        return;
    }
    multiply(sums_3, z_10, local_10, params, weights, d_pre_1, _buffer_sizes);
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e22 = i_1;
            i_1 = _e22 + 1u;
        }
        loop_init_7 = false;
        uint _e10 = i_1;
        if (_e10 < 1u) {
        } else {
            break;
        }
        {
            uint _e13 = i_1;
            float _e16 = next_3.inner[_e13].h;
            uint _e17 = i_1;
            float _e19 = sums_3.inner[_e17];
            next_3.inner[_e13].h = _e16 + _e19;
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
, device type_3 const& weights [[user(fake0)]]
, device type_4& carry [[user(fake0)]]
, device type_4 const& y_5 [[user(fake0)]]
, device type_4 const& d_y [[user(fake0)]]
, device type_3& gates [[user(fake0)]]
, threadgroup type_7& d_pre_1
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
    uint z_11 = group.y;
    BackwardSlice slice_17 = params.slices.inner[z_11];
    uint first_row_2 = group.x * ROWS;
    uint _e10 = longest_of(first_row_2, params);
    uint2 loop_bound_8 = uint2(4294967295u);
    bool loop_init_8 = true;
    while(true) {
        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
        if (!loop_init_8) {
            uint _e89 = u;
            u = _e89 + 1u;
        }
        loop_init_8 = false;
        uint _e14 = u;
        if (_e14 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e17 = u;
            uint unit_11 = local + (_e17 * UNITS);
            r = 0u;
            uint2 loop_bound_9 = uint2(4294967295u);
            bool loop_init_9 = true;
            while(true) {
                if (metal::all(loop_bound_9 == uint2(0u))) { break; }
                loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
                if (!loop_init_9) {
                    uint _e86 = r;
                    r = _e86 + 1u;
                }
                loop_init_9 = false;
                uint _e23 = r;
                if (_e23 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e26 = r;
                    uint _e30 = params.batch;
                    uint row_12 = metal::min(first_row_2 + _e26, _e30 - 1u);
                    uint _e36 = params.recurrent_size;
                    uint _e40 = params.recurrent_size;
                    uint h_at = (row_12 * _e36) + metal::min(unit_11, _e40 - 1u);
                    uint _e47 = params.hidden_size;
                    uint _e51 = params.hidden_size;
                    uint c_at = (row_12 * _e47) + metal::min(unit_11, _e51 - 1u);
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
                    clear((_e81 * CAPACITY) + unit_11, d_pre_1);
                }
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint2 loop_bound_10 = uint2(4294967295u);
    bool loop_init_10 = true;
    while(true) {
        if (metal::all(loop_bound_10 == uint2(0u))) { break; }
        loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
        if (!loop_init_10) {
            uint _e121 = i;
            i = _e121 + 1u;
        }
        loop_init_10 = false;
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
                add_product(next, z_11, local, params, weights, d_pre_1, _buffer_sizes);
            }
            advance(next, Place {z_11, step_8, first_row_2}, local, params, carry, y_5, d_y, gates, d_pre_1, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    uint _e125 = params.first_step;
    if (_e125 < _e10) {
        add_product(next, z_11, local, params, weights, d_pre_1, _buffer_sizes);
    }
    uint2 loop_bound_11 = uint2(4294967295u);
    bool loop_init_11 = true;
    while(true) {
        if (metal::all(loop_bound_11 == uint2(0u))) { break; }
        loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
        if (!loop_init_11) {
            uint _e210 = u_1;
            u_1 = _e210 + 1u;
        }
        loop_init_11 = false;
        uint _e129 = u_1;
        if (_e129 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e132 = u_1;
            uint unit_12 = local + (_e132 * UNITS);
            r_1 = 0u;
            uint2 loop_bound_12 = uint2(4294967295u);
            bool loop_init_12 = true;
            while(true) {
                if (metal::all(loop_bound_12 == uint2(0u))) { break; }
                loop_bound_12 -= uint2(loop_bound_12.y == 0u, 1u);
                if (!loop_init_12) {
                    uint _e207 = r_1;
                    r_1 = _e207 + 1u;
                }
                loop_init_12 = false;
                uint _e138 = r_1;
                if (_e138 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e141 = r_1;
                    uint row_13 = first_row_2 + _e141;
                    uint _e145 = params.batch;
                    if (row_13 < _e145) {
                        uint _e151 = params.recurrent_size;
                        local_2 = unit_12 < _e151;
                    } else {
                        local_2 = false;
                    }
                    bool _e154 = local_2;
                    if (_e154) {
                        uint _e159 = params.recurrent_size;
                        uint _e164 = u_1;
                        uint _e167 = r_1;
                        float _e171 = next.inner[(_e164 * ROWS) + _e167].h;
                        carry[(slice_17.carry_h + (row_13 * _e159)) + unit_12] = _e171;
                    }
                    if (false) {
                        uint _e177 = params.batch;
                        local_3 = row_13 < _e177;
                    } else {
                        local_3 = false;
                    }
                    bool _e180 = local_3;
                    if (_e180) {
                        uint _e185 = params.hidden_size;
                        local_4 = unit_12 < _e185;
                    } else {
                        local_4 = false;
                    }
                    bool _e188 = local_4;
                    if (_e188) {
                        uint _e193 = params.hidden_size;
                        uint _e198 = u_1;
                        uint _e201 = r_1;
                        float _e205 = next.inner[(_e198 * ROWS) + _e201].c;
                        carry[(slice_17.carry_c + (row_13 * _e193)) + unit_12] = _e205;
                    }
                }
            }
        }
    }
    return;
}
