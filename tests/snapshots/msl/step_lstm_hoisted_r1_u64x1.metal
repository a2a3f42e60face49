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
struct type_8 {
    metal::float4 inner[64];
};
struct type_9 {
    Gates inner[1];
};
struct type_10 {
    Gates inner[4];
};
struct Source {
    bool is_input;
    char _pad1[3];
    uint base;
    uint stride;
    uint size;
};
struct Clock {
    uint step;
};
constant uint ROWS = 1u;
constant uint UNITS = 64u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint TILE_QUADS = 64u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 1u;
constant uint IS_CHOSEN = 0u;
constant uint NONE = 4294967295u;

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
    float r_5 = 1.0 / (1.0 + e);
    return (x_1 >= 0.0) ? r_5 : (e * r_5);
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

Gates load_full(
    uint row,
    uint column,
    device type_3 const& weights,
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
    device Params const& params,
    device type_3 const& weights,
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
    device Params const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
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
    uint u_1
) {
    return metal::min(unit_1 + (u_1 * UNITS), matrix_.columns - 1u);
}

void input_part(
    thread Tile& acc_1,
    Place place,
    uint unit_2,
    uint local_5,
    device Params const& params,
    device type_3 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_1 = 0u;
    uint u_2 = {};
    uint _e7 = params.first_step;
    uint step_2 = place.step - _e7;
    Matrix _e10 = gates_matrix(0u, params);
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e61 = r_1;
            r_1 = _e61 + 1u;
        }
        loop_init = false;
        uint _e13 = r_1;
        if (_e13 < ROWS) {
        } else {
            break;
        }
        {
            uint _e17 = r_1;
            uint _e21 = params.batch;
            uint row_8 = metal::min(place.row + _e17, _e21 - 1u);
            uint _e27 = params.batch;
            uint _e32 = params.num_slices;
            uint at = (((step_2 * _e27) + row_8) * _e32) + place.slice;
            u_2 = 0u;
            uint2 loop_bound_1 = uint2(4294967295u);
            bool loop_init_1 = true;
            while(true) {
                if (metal::all(loop_bound_1 == uint2(0u))) { break; }
                loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
                if (!loop_init_1) {
                    uint _e58 = u_2;
                    u_2 = _e58 + 1u;
                }
                loop_init_1 = false;
                uint _e38 = u_2;
                if (_e38 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e41 = u_2;
                    uint _e44 = r_1;
                    uint _e50 = params.row_words;
                    uint _e52 = u_2;
                    uint _e53 = column_2(_e10, unit_2, _e52);
                    Gates _e56 = x_proj[(at * _e50) + _e53];
                    acc_1.inner[(_e41 * ROWS) + _e44] = _e56;
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
    uint row_2,
    uint quad_,
    threadgroup type_8& tile
) {
    metal::float4 _e7 = tile.inner[(row_2 * TILE_QUADS) + quad_];
    return _e7;
}

void accumulate(
    thread Tile& acc_2,
    Matrix matrix_1,
    uint first_row,
    uint unit_3,
    uint num_quads,
    device type_3 const& weights,
    threadgroup type_8& tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    type_9 scales = {};
    uint u_3 = 0u;
    type_10 w = {};
    uint q = 0u;
    uint u_4 = {};
    uint r_2 = {};
    uint u_5 = {};
    uint stride = matrix_1.row_words;
    uint2 loop_bound_2 = uint2(4294967295u);
    bool loop_init_2 = true;
    while(true) {
        if (metal::all(loop_bound_2 == uint2(0u))) { break; }
        loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
        if (!loop_init_2) {
            uint _e19 = u_3;
            u_3 = _e19 + 1u;
        }
        loop_init_2 = false;
        uint _e9 = u_3;
        if (_e9 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e12 = u_3;
            uint _e15 = u_3;
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
            u_4 = 0u;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e91 = u_4;
                    u_4 = _e91 + 1u;
                }
                loop_init_4 = false;
                uint _e28 = u_4;
                if (_e28 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e33 = q;
                    uint _e38 = u_4;
                    uint _e39 = column_2(matrix_1, unit_3, _e38);
                    uint at_1 = (matrix_1.first + ((first_row + (4u * _e33)) * stride)) + _e39;
                    uint _e42 = u_4;
                    Gates _e45 = load_packed(at_1, weights, _buffer_sizes);
                    uint _e46 = u_4;
                    Gates _e48 = scales.inner[_e46];
                    Gates _e49 = unpacked(_e45, _e48);
                    w.inner[4u * _e42] = _e49;
                    uint _e51 = u_4;
                    Gates _e57 = load_packed(at_1 + stride, weights, _buffer_sizes);
                    uint _e58 = u_4;
                    Gates _e60 = scales.inner[_e58];
                    Gates _e61 = unpacked(_e57, _e60);
                    w.inner[(4u * _e51) + 1u] = _e61;
                    uint _e63 = u_4;
                    Gates _e71 = load_packed(at_1 + (2u * stride), weights, _buffer_sizes);
                    uint _e72 = u_4;
                    Gates _e74 = scales.inner[_e72];
                    Gates _e75 = unpacked(_e71, _e74);
                    w.inner[(4u * _e63) + 2u] = _e75;
                    uint _e77 = u_4;
                    Gates _e85 = load_packed(at_1 + (3u * stride), weights, _buffer_sizes);
                    uint _e86 = u_4;
                    Gates _e88 = scales.inner[_e86];
                    Gates _e89 = unpacked(_e85, _e88);
                    w.inner[(4u * _e77) + 3u] = _e89;
                }
            }
            r_2 = 0u;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e155 = r_2;
                    r_2 = _e155 + 1u;
                }
                loop_init_5 = false;
                uint _e95 = r_2;
                if (_e95 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e98 = r_2;
                    uint _e99 = q;
                    metal::float4 _e100 = operand_quad(_e98, _e99, tile);
                    u_5 = 0u;
                    uint2 loop_bound_6 = uint2(4294967295u);
                    bool loop_init_6 = true;
                    while(true) {
                        if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                        loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                        if (!loop_init_6) {
                            uint _e152 = u_5;
                            u_5 = _e152 + 1u;
                        }
                        loop_init_6 = false;
                        uint _e103 = u_5;
                        if (_e103 < UNITS_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e106 = u_5;
                            uint _e109 = r_2;
                            Gates _e112 = acc_2.inner[(_e106 * ROWS) + _e109];
                            uint _e115 = u_5;
                            Gates _e118 = w.inner[4u * _e115];
                            uint _e122 = u_5;
                            Gates _e127 = w.inner[(4u * _e122) + 1u];
                            uint _e132 = u_5;
                            Gates _e137 = w.inner[(4u * _e132) + 2u];
                            uint _e142 = u_5;
                            Gates _e147 = w.inner[(4u * _e142) + 3u];
                            acc_2.inner[(_e106 * ROWS) + _e109] = _e112 + ((((_e100.x * _e118) + (_e100.y * _e127)) + (_e100.z * _e137)) + (_e100.w * _e147));
                        }
                    }
                }
            }
        }
    }
    return;
}

void fill(
    thread Tile& acc_3,
    uint u_6,
    Gates value
) {
    uint r_3 = 0u;
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e14 = r_3;
            r_3 = _e14 + 1u;
        }
        loop_init_7 = false;
        uint _e5 = r_3;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e10 = r_3;
            acc_3.inner[(u_6 * ROWS) + _e10] = value;
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
    Slice slice_4,
    uint step,
    uint row_3,
    device Params const& params
) {
    bool local_6 = {};
    uint _e3 = length_of(row_3, params);
    if (slice_4.reverse != 0u) {
        local_6 = step < _e3;
    } else {
        local_6 = false;
    }
    bool _e14 = local_6;
    return _e14 ? ((_e3 - 1u) - step) : step;
}

void write_output(
    Slice slice_5,
    uint step_1,
    uint row_4,
    uint unit_4,
    float h,
    device Params const& params,
    device type_5& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (slice_5.output != NONE) {
        uint _e8 = time_of(slice_5, step_1, row_4, params);
        uint _e12 = params.output_stride_t;
        uint _e16 = params.output_stride_b;
        y[(((_e8 * _e12) + (row_4 * _e16)) + slice_5.output) + unit_4] = h;
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
    uint r_4 = 0u;
    uint2 loop_bound_8 = uint2(4294967295u);
    bool loop_init_8 = true;
    while(true) {
        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
        if (!loop_init_8) {
            uint _e14 = r_4;
            r_4 = _e14 + 1u;
        }
        loop_init_8 = false;
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

Matrix phase_matrix(
    Slice slice_6,
    device Params const& params
) {
    Matrix _e2 = gates_matrix(slice_6.w_hh, params);
    return _e2;
}

Source phase_operand(
    Slice slice_7,
    Place place_1,
    device Params const& params
) {
    uint _e8 = params.recurrent_size;
    uint _e11 = params.recurrent_size;
    return Source {false, {}, place_1.h_prev + slice_7.h, _e8, _e11};
}

void begin(
    thread Tile& acc_4,
    Place place_2,
    uint unit_5,
    uint local_7,
    device Params const& params,
    device type_3 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    input_part(acc_4, place_2, unit_5, local_7, params, x_proj, _buffer_sizes);
    return;
}

void write_h(
    Place place_3,
    uint row_5,
    uint unit_6,
    bool is_running,
    bool is_active,
    float h_1,
    device Params const& params,
    device type_5& state,
    device type_5& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    Slice slice_8 = params.slices.inner[place_3.slice];
    uint _e14 = params.recurrent_size;
    uint at_2 = (slice_8.h + (row_5 * _e14)) + unit_6;
    uint _e20 = params.state_size;
    uint h_next = _e20 - place_3.h_prev;
    float _e30 = state[place_3.h_prev + at_2];
    state[h_next + at_2] = is_active ? h_1 : _e30;
    if (is_running) {
        write_output(slice_8, place_3.step, row_5, unit_6, is_active ? h_1 : 0.0, params, y, _buffer_sizes);
        return;
    } else {
        return;
    }
}

void finish(
    Gates pre_1,
    Place place_4,
    uint row_6,
    uint unit_7,
    bool is_running_1,
    bool is_active_1,
    device Params const& params,
    device type_3 const& weights,
    device type_5& state,
    device type_5& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    CellState next = {};
    Slice slice_9 = params.slices.inner[place_4.slice];
    uint _e13 = params.hidden_size;
    uint at_3 = (row_6 * _e13) + unit_7;
    float _e22 = state[(place_4.h_prev + slice_9.h) + at_3];
    next = CellState {_e22, 0.0};
    if (is_active_1) {
        if (true) {
            float _e32 = state[slice_9.c + at_3];
            next.c = _e32;
        }
        CellState _e33 = next;
        CellState _e35 = cell_update(pre_1, _e33, place_4.slice, unit_7, params, weights, _buffer_sizes);
        next = _e35;
        if (true) {
            float _e42 = next.c;
            state[slice_9.c + at_3] = _e42;
        }
    }
    float _e44 = next.h;
    write_h(place_4, row_6, unit_7, is_running_1, is_active_1, _e44, params, state, y, _buffer_sizes);
    return;
}

uint row_start(
    Place place_5,
    Source source,
    uint row_7,
    device Params const& params
) {
    if (source.is_input) {
        Slice _e8 = params.slices.inner[place_5.slice];
        uint _e10 = time_of(_e8, place_5.step, row_7, params);
        uint _e13 = params.input_stride_t;
        uint _e17 = params.input_stride_b;
        return (_e10 * _e13) + (row_7 * _e17);
    }
    return source.base + (row_7 * source.stride);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void stage(
    Place place_6,
    Source source_1,
    uint k0_,
    uint num_quads_1,
    uint local_8,
    device Params const& params,
    device type_5 const& state,
    threadgroup type_8& tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i = {};
    metal::float4 quad_1 = {};
    i = local_8;
    uint2 loop_bound_9 = uint2(4294967295u);
    bool loop_init_9 = true;
    while(true) {
        if (metal::all(loop_bound_9 == uint2(0u))) { break; }
        loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
        if (!loop_init_9) {
            uint _e66 = i;
            i = _e66 + UNITS;
        }
        loop_init_9 = false;
        uint _e6 = i;
        if (_e6 < (ROWS * num_quads_1)) {
        } else {
            break;
        }
        {
            uint _e10 = i;
            uint r_6 = naga_div(_e10, num_quads_1);
            uint _e13 = i;
            uint k = k0_ + (4u * naga_mod(_e13, num_quads_1));
            uint _e21 = params.batch;
            uint _e25 = row_start(place_6, source_1, metal::min(place_6.row + r_6, _e21 - 1u), params);
            uint at_4 = _e25 + k;
            uint left = source_1.size - k;
            float _e30 = operand_at(source_1.is_input, at_4, state, _buffer_sizes);
            quad_1 = metal::float4(_e30, 0.0, 0.0, 0.0);
            if (left > 1u) {
                float _e42 = operand_at(source_1.is_input, at_4 + 1u, state, _buffer_sizes);
                quad_1.y = _e42;
            }
            if (left > 2u) {
                float _e49 = operand_at(source_1.is_input, at_4 + 2u, state, _buffer_sizes);
                quad_1.z = _e49;
            }
            if (left > 3u) {
                float _e56 = operand_at(source_1.is_input, at_4 + 3u, state, _buffer_sizes);
                quad_1.w = _e56;
            }
            metal::float4 _e65 = quad_1;
            tile.inner[(r_6 * TILE_QUADS) + naga_div(k - k0_, 4u)] = _e65;
        }
    }
    return;
}

void multiply(
    thread Tile& acc_5,
    Place place_7,
    Source source_2,
    Matrix matrix_2,
    uint unit_8,
    uint local_9,
    device Params const& params,
    device type_3 const& weights,
    device type_5 const& state,
    threadgroup type_8& tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint k0_1 = 0u;
    uint2 loop_bound_10 = uint2(4294967295u);
    bool loop_init_10 = true;
    while(true) {
        if (metal::all(loop_bound_10 == uint2(0u))) { break; }
        loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
        if (!loop_init_10) {
            uint _e19 = k0_1;
            k0_1 = _e19 + 256u;
        }
        loop_init_10 = false;
        uint _e8 = k0_1;
        if (_e8 < source_2.size) {
        } else {
            break;
        }
        {
            uint _e12 = k0_1;
            uint _e16 = quads(metal::min(source_2.size - _e12, 256u));
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e17 = k0_1;
            stage(place_7, source_2, _e17, _e16, local_9, params, state, tile, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e18 = k0_1;
            accumulate(acc_5, matrix_2, _e18, unit_8, _e16, weights, tile, _buffer_sizes);
        }
    }
    return;
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
, threadgroup type_8& tile
, device Clock const& clock [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool local_1 = {};
    Tile acc = {};
    bool local_2 = {};
    uint u = 0u;
    uint r = {};
    bool local_3 = {};
    bool local_4 = {};
    Slice slice_10 = params.slices.inner[group.z];
    uint _e9 = params.first_step;
    uint _e12 = clock.step;
    uint step_3 = _e9 + _e12;
    uint first_unit = ((group.x * UNITS) * UNITS_PER_INVOCATION) + local;
    uint first_row_2 = group.y * ROWS;
    uint _e25 = params.phase;
    uint _e31 = params.state_size;
    uint h_prev = naga_mod(step_3 + _e25, 2u) * _e31;
    if (step_3 >= slice_10.delay) {
        uint _e41 = params.seq_len;
        local_1 = (step_3 - slice_10.delay) < _e41;
    } else {
        local_1 = false;
    }
    bool is_running_2 = local_1;
    Place place_8 = Place {group.z, step_3 - slice_10.delay, first_row_2, h_prev};
    Matrix _e49 = phase_matrix(slice_10, params);
    if (is_running_2) {
        uint _e54 = longest_of(first_row_2, params);
        local_2 = place_8.step < _e54;
    } else {
        local_2 = false;
    }
    bool _e57 = local_2;
    if (_e57) {
        begin(acc, place_8, first_unit, local, params, x_proj, _buffer_sizes);
        Source _e58 = phase_operand(slice_10, place_8, params);
        multiply(acc, place_8, _e58, _e49, first_unit, local, params, weights, state, tile, _buffer_sizes);
    }
    uint2 loop_bound_11 = uint2(4294967295u);
    bool loop_init_11 = true;
    while(true) {
        if (metal::all(loop_bound_11 == uint2(0u))) { break; }
        loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
        if (!loop_init_11) {
            uint _e103 = u;
            u = _e103 + 1u;
        }
        loop_init_11 = false;
        uint _e61 = u;
        if (_e61 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e64 = u;
            uint unit_9 = first_unit + (_e64 * UNITS);
            r = 0u;
            uint2 loop_bound_12 = uint2(4294967295u);
            bool loop_init_12 = true;
            while(true) {
                if (metal::all(loop_bound_12 == uint2(0u))) { break; }
                loop_bound_12 -= uint2(loop_bound_12.y == 0u, 1u);
                if (!loop_init_12) {
                    uint _e100 = r;
                    r = _e100 + 1u;
                }
                loop_init_12 = false;
                uint _e70 = r;
                if (_e70 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e73 = r;
                    uint row_9 = first_row_2 + _e73;
                    uint _e77 = params.batch;
                    if (row_9 < _e77) {
                        local_3 = unit_9 < _e49.columns;
                    } else {
                        local_3 = false;
                    }
                    bool _e84 = local_3;
                    if (_e84) {
                        if (is_running_2) {
                            uint _e88 = length_of(row_9, params);
                            local_4 = place_8.step < _e88;
                        } else {
                            local_4 = false;
                        }
                        bool is_active_2 = local_4;
                        uint _e92 = u;
                        uint _e95 = r;
                        Gates _e98 = acc.inner[(_e92 * ROWS) + _e95];
                        finish(_e98, place_8, row_9, unit_9, is_running_2, is_active_2, params, weights, state, y, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}
