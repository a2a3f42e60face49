// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
    uint size4;
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
struct Slice {
    uint bias;
    uint w_ih;
    uint w_hh;
    uint w_hr;
    uint input_size;
    uint h;
    uint c;
    uint exchange;
    uint below;
    uint delay;
    uint reverse;
    uint output;
    Choice choice;
};
struct type_2 {
    Slice inner[16];
};
struct Params {
    uint hidden_size;
    uint recurrent_size;
    uint row_words;
    uint batch;
    uint seq_len;
    uint first_step;
    uint num_steps;
    uint phase;
    uint state_size;
    uint exchange_size;
    uint input_stride_t;
    uint input_stride_b;
    uint output_stride_t;
    uint output_stride_b;
    uint num_slices;
    uint padding;
    type_2 slices;
};
typedef Gates type_3[1];
struct Tile {
    Gates inner[1];
};
struct Place {
    uint slice;
    uint step;
    uint row;
    uint h_prev;
};
struct Matrix {
    uint first;
    uint columns;
    uint row_words;
};
typedef float type_5[1];
struct type_7 {
    float inner[128];
};
struct type_9 {
    Gates inner[1];
};
struct type_10 {
    Gates inner[4];
};
struct type_11 {
    float inner[1];
};
constant uint ROWS = 1u;
constant uint UNITS = 64u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint COPIES = 2u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 0u;
constant uint IS_CHOSEN = 0u;
constant uint NONE = 4294967295u;
constant uint CAPACITY = 64u;
constant uint COPY_SIZE = 64u;

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
    float r_8 = 1.0 / (1.0 + e);
    return (x_1 >= 0.0) ? r_8 : (e * r_8);
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
    device Params const& params
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
    device Params const& params
) {
    float _e2 = clipped(pre_1, slice_4, params);
    float _e3 = activate_f(_e2, slice_4);
    return _e3;
}

float candidate(
    float pre_2,
    uint slice_5,
    device Params const& params
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
    device Params const& params
) {
    float _e5 = gate(pre_3.x, slice_6, params);
    float _e7 = gate(pre_3.y, slice_6, params);
    float _e12 = candidate(pre_3.z + (_e5 * pre_3.w), slice_6, params);
    return CellState {((1.0 - _e7) * _e12) + (_e7 * prev.h), 0.0};
}

uint length_of(
    uint row_1,
    device Params const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

Gates load_full(
    uint row_2,
    uint column,
    device type_3 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e5 = weights[row_2 + column];
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

Matrix gates_matrix(
    uint first_1,
    device Params const& params
) {
    uint _e3 = params.hidden_size;
    uint _e6 = params.row_words;
    return Matrix {first_1, _e3, _e6};
}

uint column_2(
    Matrix matrix_,
    uint unit_1,
    uint u_3
) {
    return metal::min(unit_1 + (u_3 * UNITS), matrix_.columns - 1u);
}

void input_part(
    thread Tile& acc,
    Place place,
    uint unit_2,
    uint local_7,
    device Params const& params,
    device type_3 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_2 = 0u;
    uint u_4 = {};
    uint _e7 = params.first_step;
    uint step_2 = place.step - _e7;
    Matrix _e10 = gates_matrix(0u, params);
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e61 = r_2;
            r_2 = _e61 + 1u;
        }
        loop_init = false;
        uint _e13 = r_2;
        if (_e13 < ROWS) {
        } else {
            break;
        }
        {
            uint _e17 = r_2;
            uint _e21 = params.batch;
            uint row_6 = metal::min(place.row + _e17, _e21 - 1u);
            uint _e27 = params.batch;
            uint _e32 = params.num_slices;
            uint at = (((step_2 * _e27) + row_6) * _e32) + place.slice;
            u_4 = 0u;
            uint2 loop_bound_1 = uint2(4294967295u);
            bool loop_init_1 = true;
            while(true) {
                if (metal::all(loop_bound_1 == uint2(0u))) { break; }
                loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
                if (!loop_init_1) {
                    uint _e58 = u_4;
                    u_4 = _e58 + 1u;
                }
                loop_init_1 = false;
                uint _e38 = u_4;
                if (_e38 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e41 = u_4;
                    uint _e44 = r_2;
                    uint _e50 = params.row_words;
                    uint _e52 = u_4;
                    uint _e53 = column_2(_e10, unit_2, _e52);
                    Gates _e56 = x_proj[(at * _e50) + _e53];
                    acc.inner[(_e41 * ROWS) + _e44] = _e56;
                }
            }
        }
    }
    return;
}

float operand_at(
    bool is_input,
    uint index_1,
    device type_5 const& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    float _e4 = state[index_1];
    return _e4;
}

metal::float4 operand_quad(
    uint row_3,
    uint quad_,
    thread uint& operand,
    threadgroup type_7& h_1
) {
    uint _e3 = operand;
    uint at_1 = (_e3 + (row_3 * CAPACITY)) + (4u * quad_);
    float _e12 = h_1.inner[at_1];
    float _e17 = h_1.inner[at_1 + 1u];
    float _e22 = h_1.inner[at_1 + 2u];
    float _e27 = h_1.inner[at_1 + 3u];
    return metal::float4(_e12, _e17, _e22, _e27);
}

void accumulate(
    thread Tile& acc_1,
    Matrix matrix_1,
    uint first_row,
    uint unit_3,
    uint num_quads,
    device type_3 const& weights,
    thread uint& operand,
    threadgroup type_7& h_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    type_9 scales = {};
    uint u_5 = 0u;
    type_10 w = {};
    uint q = 0u;
    uint u_6 = {};
    uint r_3 = {};
    uint u_7 = {};
    uint stride = matrix_1.row_words;
    uint2 loop_bound_2 = uint2(4294967295u);
    bool loop_init_2 = true;
    while(true) {
        if (metal::all(loop_bound_2 == uint2(0u))) { break; }
        loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
        if (!loop_init_2) {
            uint _e19 = u_5;
            u_5 = _e19 + 1u;
        }
        loop_init_2 = false;
        uint _e9 = u_5;
        if (_e9 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e12 = u_5;
            uint _e15 = u_5;
            uint _e16 = column_2(matrix_1, unit_3, _e15);
            Gates _e17 = load_scale(matrix_1.first, stride, _e16);
            scales.inner[_e12] = _e17;
        }
    }
    uint2 loop_bound_3 = uint2(4294967295u);
    bool loop_init_3 = true;
    while(true) {
        if (metal::all(loop_bound_3 == uint2(0u))) { break; }
        loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
        if (!loop_init_3) {
            uint _e158 = q;
            q = _e158 + 1u;
        }
        loop_init_3 = false;
        uint _e24 = q;
        if (_e24 < num_quads) {
        } else {
            break;
        }
        {
            u_6 = 0u;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e91 = u_6;
                    u_6 = _e91 + 1u;
                }
                loop_init_4 = false;
                uint _e28 = u_6;
                if (_e28 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e33 = q;
                    uint _e38 = u_6;
                    uint _e39 = column_2(matrix_1, unit_3, _e38);
                    uint at_2 = (matrix_1.first + ((first_row + (4u * _e33)) * stride)) + _e39;
                    uint _e42 = u_6;
                    Gates _e45 = load_packed(at_2, weights, _buffer_sizes);
                    uint _e46 = u_6;
                    Gates _e48 = scales.inner[_e46];
                    Gates _e49 = unpacked(_e45, _e48);
                    w.inner[4u * _e42] = _e49;
                    uint _e51 = u_6;
                    Gates _e57 = load_packed(at_2 + stride, weights, _buffer_sizes);
                    uint _e58 = u_6;
                    Gates _e60 = scales.inner[_e58];
                    Gates _e61 = unpacked(_e57, _e60);
                    w.inner[(4u * _e51) + 1u] = _e61;
                    uint _e63 = u_6;
                    Gates _e71 = load_packed(at_2 + (2u * stride), weights, _buffer_sizes);
                    uint _e72 = u_6;
                    Gates _e74 = scales.inner[_e72];
                    Gates _e75 = unpacked(_e71, _e74);
                    w.inner[(4u * _e63) + 2u] = _e75;
                    uint _e77 = u_6;
                    Gates _e85 = load_packed(at_2 + (3u * stride), weights, _buffer_sizes);
                    uint _e86 = u_6;
                    Gates _e88 = scales.inner[_e86];
                    Gates _e89 = unpacked(_e85, _e88);
                    w.inner[(4u * _e77) + 3u] = _e89;
                }
            }
            r_3 = 0u;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e155 = r_3;
                    r_3 = _e155 + 1u;
                }
                loop_init_5 = false;
                uint _e95 = r_3;
                if (_e95 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e98 = r_3;
                    uint _e99 = q;
                    metal::float4 _e100 = operand_quad(_e98, _e99, operand, h_1);
                    u_7 = 0u;
                    uint2 loop_bound_6 = uint2(4294967295u);
                    bool loop_init_6 = true;
                    while(true) {
                        if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                        loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                        if (!loop_init_6) {
                            uint _e152 = u_7;
                            u_7 = _e152 + 1u;
                        }
                        loop_init_6 = false;
                        uint _e103 = u_7;
                        if (_e103 < UNITS_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e106 = u_7;
                            uint _e109 = r_3;
                            Gates _e112 = acc_1.inner[(_e106 * ROWS) + _e109];
                            uint _e115 = u_7;
                            Gates _e118 = w.inner[4u * _e115];
                            uint _e122 = u_7;
                            Gates _e127 = w.inner[(4u * _e122) + 1u];
                            uint _e132 = u_7;
                            Gates _e137 = w.inner[(4u * _e132) + 2u];
                            uint _e142 = u_7;
                            Gates _e147 = w.inner[(4u * _e142) + 3u];
                            acc_1.inner[(_e106 * ROWS) + _e109] = _e112 + ((((_e100.x * _e118) + (_e100.y * _e127)) + (_e100.z * _e137)) + (_e100.w * _e147));
                        }
                    }
                }
            }
        }
    }
    return;
}

void fill(
    thread Tile& acc_2,
    uint u_8,
    Gates value
) {
    uint r_4 = 0u;
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e14 = r_4;
            r_4 = _e14 + 1u;
        }
        loop_init_7 = false;
        uint _e5 = r_4;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e10 = r_4;
            acc_2.inner[(u_8 * ROWS) + _e10] = value;
        }
    }
    return;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint quads(
    uint size
) {
    return naga_div(size + 3u, 4u);
}

uint time_of(
    Slice slice_7,
    uint step,
    uint row_4,
    device Params const& params
) {
    bool local_8 = {};
    uint _e3 = length_of(row_4, params);
    if (slice_7.reverse != 0u) {
        local_8 = step < _e3;
    } else {
        local_8 = false;
    }
    bool _e14 = local_8;
    return _e14 ? ((_e3 - 1u) - step) : step;
}

void write_output(
    Slice slice_8,
    uint step_1,
    uint row_5,
    uint unit_4,
    float h,
    device Params const& params,
    device type_5& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (slice_8.output != NONE) {
        uint _e8 = time_of(slice_8, step_1, row_5, params);
        uint _e12 = params.output_stride_t;
        uint _e16 = params.output_stride_b;
        y[(((_e8 * _e12) + (row_5 * _e16)) + slice_8.output) + unit_4] = h;
        return;
    } else {
        return;
    }
}

uint longest_of(
    uint first_row_1,
    device Params const& params
) {
    uint longest = 0u;
    uint r_5 = 0u;
    uint2 loop_bound_8 = uint2(4294967295u);
    bool loop_init_8 = true;
    while(true) {
        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
        if (!loop_init_8) {
            uint _e14 = r_5;
            r_5 = _e14 + 1u;
        }
        loop_init_8 = false;
        uint _e5 = r_5;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e8 = longest;
            uint _e9 = r_5;
            uint _e11 = length_of(first_row_1 + _e9, params);
            longest = metal::max(_e8, _e11);
        }
    }
    uint _e16 = longest;
    return _e16;
}

void write_h(
    Place place_1,
    uint r_6,
    uint unit_5,
    uint h_read,
    uint h_write,
    float value_1,
    device Params const& params,
    device type_5& y,
    threadgroup type_7& h_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint row_7 = place_1.row + r_6;
    uint at_3 = (r_6 * CAPACITY) + unit_5;
    uint _e12 = length_of(row_7, params);
    bool is_active = place_1.step < _e12;
    float _e20 = h_1.inner[h_read + at_3];
    h_1.inner[h_write + at_3] = is_active ? value_1 : _e20;
    uint _e24 = params.batch;
    if (row_7 < _e24) {
        Slice _e30 = params.slices.inner[place_1.slice];
        write_output(_e30, place_1.step, row_7, unit_5, is_active ? value_1 : 0.0, params, y, _buffer_sizes);
        return;
    } else {
        return;
    }
}

void advance(
    Place place_2,
    uint local_9,
    uint h_read_1,
    uint h_write_1,
    device Params const& params,
    device type_3 const& weights,
    device type_3 const& x_proj,
    device type_5& y,
    thread uint& operand,
    threadgroup type_7& h_1,
    thread type_11& c,
    constant _mslBufferSizes& _buffer_sizes
) {
    Tile acc_3 = {};
    uint u_9 = 0u;
    uint r_7 = {};
    bool local_10 = {};
    uint _e9 = params.slices.inner[place_2.slice].w_hh;
    Matrix _e10 = gates_matrix(_e9, params);
    input_part(acc_3, place_2, local_9, local_9, params, x_proj, _buffer_sizes);
    operand = h_read_1;
    uint _e16 = params.recurrent_size;
    uint _e17 = quads(_e16);
    accumulate(acc_3, _e10, 0u, local_9, _e17, weights, operand, h_1, _buffer_sizes);
    uint2 loop_bound_9 = uint2(4294967295u);
    bool loop_init_9 = true;
    while(true) {
        if (metal::all(loop_bound_9 == uint2(0u))) { break; }
        loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
        if (!loop_init_9) {
            uint _e79 = u_9;
            u_9 = _e79 + 1u;
        }
        loop_init_9 = false;
        uint _e20 = u_9;
        if (_e20 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e23 = u_9;
            uint unit_6 = local_9 + (_e23 * UNITS);
            r_7 = 0u;
            uint2 loop_bound_10 = uint2(4294967295u);
            bool loop_init_10 = true;
            while(true) {
                if (metal::all(loop_bound_10 == uint2(0u))) { break; }
                loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
                if (!loop_init_10) {
                    uint _e76 = r_7;
                    r_7 = _e76 + 1u;
                }
                loop_init_10 = false;
                uint _e29 = r_7;
                if (_e29 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e32 = u_9;
                    uint _e35 = r_7;
                    uint i = (_e32 * ROWS) + _e35;
                    uint _e38 = r_7;
                    float _e44 = h_1.inner[(h_read_1 + (_e38 * CAPACITY)) + unit_6];
                    float _e47 = c.inner[i];
                    CellState prev_1 = CellState {_e44, _e47};
                    Gates _e50 = acc_3.inner[i];
                    uint _e52 = u_9;
                    uint _e53 = column_2(_e10, local_9, _e52);
                    CellState _e54 = cell_update(_e50, prev_1, place_2.slice, _e53, params);
                    uint _e57 = params.hidden_size;
                    if (unit_6 < _e57) {
                        if (false) {
                            uint _e64 = r_7;
                            uint _e66 = length_of(place_2.row + _e64, params);
                            local_10 = place_2.step < _e66;
                        } else {
                            local_10 = false;
                        }
                        bool _e69 = local_10;
                        if (_e69) {
                            c.inner[i] = _e54.c;
                        }
                        uint _e73 = r_7;
                        write_h(place_2, _e73, unit_6, h_read_1, h_write_1, _e54.h, params, y, h_1, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}
uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, device Params const& params [[user(fake0)]]
, device type_3 const& weights [[user(fake0)]]
, device type_3 const& x_proj [[user(fake0)]]
, device type_5& state [[user(fake0)]]
, device type_5& y [[user(fake0)]]
, threadgroup type_7& h_1
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint operand = {};
    type_11 c = {};
    if (local == 0u) {
        h_1 = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint u = 0u;
    uint r = {};
    uint copy = {};
    bool local_1 = {};
    bool local_2 = {};
    bool local_3 = {};
    uint s = 0u;
    uint s_1 = {};
    uint u_1 = {};
    uint row = {};
    uint u_2 = 0u;
    uint r_1 = {};
    bool local_4 = {};
    bool local_5 = {};
    bool local_6 = {};
    Slice slice_9 = params.slices.inner[group.y];
    uint first_row_2 = group.x * ROWS;
    uint _e12 = params.phase;
    uint _e15 = params.state_size;
    uint h_at = (_e12 * _e15) + slice_9.h;
    uint2 loop_bound_11 = uint2(4294967295u);
    bool loop_init_11 = true;
    while(true) {
        if (metal::all(loop_bound_11 == uint2(0u))) { break; }
        loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
        if (!loop_init_11) {
            uint _e119 = u;
            u = _e119 + 1u;
        }
        loop_init_11 = false;
        uint _e21 = u;
        if (_e21 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e24 = u;
            uint unit_7 = local + (_e24 * UNITS);
            r = 0u;
            uint2 loop_bound_12 = uint2(4294967295u);
            bool loop_init_12 = true;
            while(true) {
                if (metal::all(loop_bound_12 == uint2(0u))) { break; }
                loop_bound_12 -= uint2(loop_bound_12.y == 0u, 1u);
                if (!loop_init_12) {
                    uint _e116 = r;
                    r = _e116 + 1u;
                }
                loop_init_12 = false;
                uint _e30 = r;
                if (_e30 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e33 = r;
                    uint row_8 = first_row_2 + _e33;
                    copy = 0u;
                    uint2 loop_bound_13 = uint2(4294967295u);
                    bool loop_init_13 = true;
                    while(true) {
                        if (metal::all(loop_bound_13 == uint2(0u))) { break; }
                        loop_bound_13 -= uint2(loop_bound_13.y == 0u, 1u);
                        if (!loop_init_13) {
                            uint _e52 = copy;
                            copy = _e52 + 1u;
                        }
                        loop_init_13 = false;
                        uint _e37 = copy;
                        if (_e37 < COPIES) {
                        } else {
                            break;
                        }
                        {
                            uint _e41 = copy;
                            uint _e44 = r;
                            h_1.inner[((_e41 * COPY_SIZE) + (_e44 * CAPACITY)) + unit_7] = 0.0;
                        }
                    }
                    uint _e56 = params.batch;
                    if (row_8 < _e56) {
                        uint _e62 = params.recurrent_size;
                        local_1 = unit_7 < _e62;
                    } else {
                        local_1 = false;
                    }
                    bool _e65 = local_1;
                    if (_e65) {
                        uint _e67 = r;
                        uint _e75 = params.recurrent_size;
                        float _e80 = state[(h_at + (row_8 * _e75)) + unit_7];
                        h_1.inner[(_e67 * CAPACITY) + unit_7] = _e80;
                    }
                    if (false) {
                        uint _e86 = params.batch;
                        local_2 = row_8 < _e86;
                    } else {
                        local_2 = false;
                    }
                    bool _e89 = local_2;
                    if (_e89) {
                        uint _e94 = params.hidden_size;
                        local_3 = unit_7 < _e94;
                    } else {
                        local_3 = false;
                    }
                    bool _e97 = local_3;
                    if (_e97) {
                        uint _e99 = u;
                        uint _e102 = r;
                        uint _e109 = params.hidden_size;
                        float _e114 = state[(slice_9.c + (row_8 * _e109)) + unit_7];
                        c.inner[(_e99 * ROWS) + _e102] = _e114;
                    }
                }
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e121 = longest_of(first_row_2, params);
    uint _e124 = params.first_step;
    uint _e128 = params.first_step;
    uint _e132 = params.num_steps;
    uint active_steps = metal::min(metal::max(_e121, _e124) - _e128, _e132);
    uint2 loop_bound_14 = uint2(4294967295u);
    bool loop_init_14 = true;
    while(true) {
        if (metal::all(loop_bound_14 == uint2(0u))) { break; }
        loop_bound_14 -= uint2(loop_bound_14.y == 0u, 1u);
        if (!loop_init_14) {
            uint _e153 = s;
            s = _e153 + 1u;
        }
        loop_init_14 = false;
        uint _e136 = s;
        if (_e136 < active_steps) {
        } else {
            break;
        }
        {
            uint _e138 = s;
            uint h_read_2 = naga_mod(_e138, 2u) * COPY_SIZE;
            uint _e146 = params.first_step;
            uint _e147 = s;
            advance(Place {group.y, _e146 + _e147, first_row_2, h_at}, local, h_read_2, COPY_SIZE - h_read_2, params, weights, x_proj, y, operand, h_1, c, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    s_1 = active_steps;
    uint2 loop_bound_15 = uint2(4294967295u);
    bool loop_init_15 = true;
    while(true) {
        if (metal::all(loop_bound_15 == uint2(0u))) { break; }
        loop_bound_15 -= uint2(loop_bound_15.y == 0u, 1u);
        if (!loop_init_15) {
            uint _e197 = s_1;
            s_1 = _e197 + 1u;
        }
        loop_init_15 = false;
        uint _e156 = s_1;
        uint _e159 = params.num_steps;
        if (_e156 < _e159) {
        } else {
            break;
        }
        {
            u_1 = 0u;
            uint2 loop_bound_16 = uint2(4294967295u);
            bool loop_init_16 = true;
            while(true) {
                if (metal::all(loop_bound_16 == uint2(0u))) { break; }
                loop_bound_16 -= uint2(loop_bound_16.y == 0u, 1u);
                if (!loop_init_16) {
                    uint _e194 = u_1;
                    u_1 = _e194 + 1u;
                }
                loop_init_16 = false;
                uint _e163 = u_1;
                if (_e163 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e166 = u_1;
                    uint unit_8 = local + (_e166 * UNITS);
                    row = first_row_2;
                    uint2 loop_bound_17 = uint2(4294967295u);
                    bool loop_init_17 = true;
                    while(true) {
                        if (metal::all(loop_bound_17 == uint2(0u))) { break; }
                        loop_bound_17 -= uint2(loop_bound_17.y == 0u, 1u);
                        if (!loop_init_17) {
                            uint _e191 = row;
                            row = _e191 + 1u;
                        }
                        loop_init_17 = false;
                        uint _e171 = row;
                        uint _e176 = params.batch;
                        if (_e171 < metal::min(first_row_2 + ROWS, _e176)) {
                        } else {
                            break;
                        }
                        {
                            uint _e181 = params.recurrent_size;
                            if (unit_8 < _e181) {
                                uint _e185 = params.first_step;
                                uint _e186 = s_1;
                                uint _e188 = row;
                                write_output(slice_9, _e185 + _e186, _e188, unit_8, 0.0, params, y, _buffer_sizes);
                            }
                        }
                    }
                }
            }
        }
    }
    uint h_last = naga_mod(active_steps, 2u) * COPY_SIZE;
    uint2 loop_bound_18 = uint2(4294967295u);
    bool loop_init_18 = true;
    while(true) {
        if (metal::all(loop_bound_18 == uint2(0u))) { break; }
        loop_bound_18 -= uint2(loop_bound_18.y == 0u, 1u);
        if (!loop_init_18) {
            uint _e285 = u_2;
            u_2 = _e285 + 1u;
        }
        loop_init_18 = false;
        uint _e205 = u_2;
        if (_e205 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e208 = u_2;
            uint unit_9 = local + (_e208 * UNITS);
            r_1 = 0u;
            uint2 loop_bound_19 = uint2(4294967295u);
            bool loop_init_19 = true;
            while(true) {
                if (metal::all(loop_bound_19 == uint2(0u))) { break; }
                loop_bound_19 -= uint2(loop_bound_19.y == 0u, 1u);
                if (!loop_init_19) {
                    uint _e282 = r_1;
                    r_1 = _e282 + 1u;
                }
                loop_init_19 = false;
                uint _e214 = r_1;
                if (_e214 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e217 = r_1;
                    uint row_9 = first_row_2 + _e217;
                    uint _e221 = params.batch;
                    if (row_9 < _e221) {
                        uint _e227 = params.recurrent_size;
                        local_4 = unit_9 < _e227;
                    } else {
                        local_4 = false;
                    }
                    bool _e230 = local_4;
                    if (_e230) {
                        uint _e234 = params.recurrent_size;
                        uint _e240 = r_1;
                        float _e246 = h_1.inner[(h_last + (_e240 * CAPACITY)) + unit_9];
                        state[(h_at + (row_9 * _e234)) + unit_9] = _e246;
                    }
                    if (false) {
                        uint _e252 = params.batch;
                        local_5 = row_9 < _e252;
                    } else {
                        local_5 = false;
                    }
                    bool _e255 = local_5;
                    if (_e255) {
                        uint _e260 = params.hidden_size;
                        local_6 = unit_9 < _e260;
                    } else {
                        local_6 = false;
                    }
                    bool _e263 = local_6;
                    if (_e263) {
                        uint _e268 = params.hidden_size;
                        uint _e274 = u_2;
                        uint _e277 = r_1;
                        float _e280 = c.inner[(_e274 * ROWS) + _e277];
                        state[(slice_9.c + (row_9 * _e268)) + unit_9] = _e280;
                    }
                }
            }
        }
    }
    return;
}
