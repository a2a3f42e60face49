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
    uint padding;
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
    Gates inner[4];
};
struct Source {
    bool is_input;
    bool is_h;
    char _pad2[2];
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

Gates load_weight(
    uint index,
    device type_3 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e3 = weights[index];
    return _e3;
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
        Gates _e12 = load_weight(choice.peepholes + unit, weights, _buffer_sizes);
        float _e19 = clip(pre.x + (_e12.x * prev.c), choice.preact_clip);
        float _e20 = activate_f(_e19, slice_3);
        float _e27 = clip(pre.y + (_e12.y * prev.c), choice.preact_clip);
        float _e28 = activate_f(_e27, slice_3);
        f = _e28;
        if (choice.coupled != 0u) {
            f = 1.0 - _e20;
        }
        float _e37 = clip(pre.z, choice.preact_clip);
        float _e38 = activate_g(_e37, slice_3);
        float _e39 = f;
        float _e45 = clip((_e39 * prev.c) + (_e20 * _e38), choice.cell_clip);
        float _e51 = clip(pre.w + (_e12.w * _e45), choice.preact_clip);
        float _e52 = activate_f(_e51, slice_3);
        float _e53 = activate_h(_e45, slice_3);
        return CellState {_e52 * _e53, _e45};
    }
    float _e57 = activate_f(pre.x, slice_3);
    float _e59 = activate_f(pre.y, slice_3);
    float _e61 = activate_g(pre.z, slice_3);
    float _e63 = activate_f(pre.w, slice_3);
    float c = (_e59 * prev.c) + (_e57 * _e61);
    float _e68 = activate_h(c, slice_3);
    return CellState {_e63 * _e68, c};
}

uint length_of(
    uint row,
    device Params const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

Matrix gates_matrix(
    uint first,
    device Params const& params
) {
    uint _e3 = params.hidden_size;
    uint _e6 = params.row_words;
    return Matrix {first, _e3, _e6};
}

uint column(
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
            uint row_9 = metal::min(place.row + _e17, _e21 - 1u);
            uint _e27 = params.batch;
            uint _e32 = params.num_slices;
            uint at = (((step_2 * _e27) + row_9) * _e32) + place.slice;
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
                    uint _e53 = column(_e10, unit_2, _e52);
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
    uint row_1,
    uint quad_,
    threadgroup type_8& tile
) {
    metal::float4 _e7 = tile.inner[(row_1 * TILE_QUADS) + quad_];
    return _e7;
}

void accumulate(
    thread Tile& acc_2,
    Matrix matrix_1,
    uint unit_3,
    uint num_quads,
    device type_3 const& weights,
    threadgroup type_8& tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    type_9 w = {};
    uint q = 0u;
    uint u_3 = {};
    uint r_2 = {};
    uint u_4 = {};
    uint stride = matrix_1.row_words;
    uint2 loop_bound_2 = uint2(4294967295u);
    bool loop_init_2 = true;
    while(true) {
        if (metal::all(loop_bound_2 == uint2(0u))) { break; }
        loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
        if (!loop_init_2) {
            uint _e125 = q;
            q = _e125 + 1u;
        }
        loop_init_2 = false;
        uint _e8 = q;
        if (_e8 < num_quads) {
        } else {
            break;
        }
        {
            u_3 = 0u;
            uint2 loop_bound_3 = uint2(4294967295u);
            bool loop_init_3 = true;
            while(true) {
                if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                if (!loop_init_3) {
                    uint _e58 = u_3;
                    u_3 = _e58 + 1u;
                }
                loop_init_3 = false;
                uint _e12 = u_3;
                if (_e12 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e17 = q;
                    uint _e21 = u_3;
                    uint _e22 = column(matrix_1, unit_3, _e21);
                    uint at_1 = (matrix_1.first + ((4u * _e17) * stride)) + _e22;
                    uint _e25 = u_3;
                    Gates _e28 = load_weight(at_1, weights, _buffer_sizes);
                    w.inner[4u * _e25] = _e28;
                    uint _e30 = u_3;
                    Gates _e36 = load_weight(at_1 + stride, weights, _buffer_sizes);
                    w.inner[(4u * _e30) + 1u] = _e36;
                    uint _e38 = u_3;
                    Gates _e46 = load_weight(at_1 + (2u * stride), weights, _buffer_sizes);
                    w.inner[(4u * _e38) + 2u] = _e46;
                    uint _e48 = u_3;
                    Gates _e56 = load_weight(at_1 + (3u * stride), weights, _buffer_sizes);
                    w.inner[(4u * _e48) + 3u] = _e56;
                }
            }
            r_2 = 0u;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e122 = r_2;
                    r_2 = _e122 + 1u;
                }
                loop_init_4 = false;
                uint _e62 = r_2;
                if (_e62 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e65 = r_2;
                    uint _e66 = q;
                    metal::float4 _e67 = operand_quad(_e65, _e66, tile);
                    u_4 = 0u;
                    uint2 loop_bound_5 = uint2(4294967295u);
                    bool loop_init_5 = true;
                    while(true) {
                        if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                        loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                        if (!loop_init_5) {
                            uint _e119 = u_4;
                            u_4 = _e119 + 1u;
                        }
                        loop_init_5 = false;
                        uint _e70 = u_4;
                        if (_e70 < UNITS_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e73 = u_4;
                            uint _e76 = r_2;
                            Gates _e79 = acc_2.inner[(_e73 * ROWS) + _e76];
                            uint _e82 = u_4;
                            Gates _e85 = w.inner[4u * _e82];
                            uint _e89 = u_4;
                            Gates _e94 = w.inner[(4u * _e89) + 1u];
                            uint _e99 = u_4;
                            Gates _e104 = w.inner[(4u * _e99) + 2u];
                            uint _e109 = u_4;
                            Gates _e114 = w.inner[(4u * _e109) + 3u];
                            acc_2.inner[(_e73 * ROWS) + _e76] = _e79 + ((((_e67.x * _e85) + (_e67.y * _e94)) + (_e67.z * _e104)) + (_e67.w * _e114));
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
    uint u_5,
    Gates value
) {
    uint r_3 = 0u;
    uint2 loop_bound_6 = uint2(4294967295u);
    bool loop_init_6 = true;
    while(true) {
        if (metal::all(loop_bound_6 == uint2(0u))) { break; }
        loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
        if (!loop_init_6) {
            uint _e14 = r_3;
            r_3 = _e14 + 1u;
        }
        loop_init_6 = false;
        uint _e5 = r_3;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e10 = r_3;
            acc_3.inner[(u_5 * ROWS) + _e10] = value;
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
    uint row_2,
    device Params const& params
) {
    bool local_6 = {};
    uint _e3 = length_of(row_2, params);
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
    uint row_3,
    uint unit_4,
    float h,
    device Params const& params,
    device type_5& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (slice_5.output != NONE) {
        uint _e8 = time_of(slice_5, step_1, row_3, params);
        uint _e12 = params.output_stride_t;
        uint _e16 = params.output_stride_b;
        y[(((_e8 * _e12) + (row_3 * _e16)) + slice_5.output) + unit_4] = h;
        return;
    } else {
        return;
    }
}

uint longest_of(
    uint first_row,
    device Params const& params
) {
    uint longest = 0u;
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
            uint _e8 = longest;
            uint _e9 = r_4;
            uint _e11 = length_of(first_row + _e9, params);
            longest = metal::max(_e8, _e11);
        }
    }
    uint _e16 = longest;
    return _e16;
}

uint num_rows(
    device Params const& params
) {
    uint _e2 = params.batch;
    return _e2;
}

uint slot_of(
    uint row_4
) {
    return row_4;
}

uint h_prev_of(
    Place place_1,
    uint row_5
) {
    return place_1.h_prev;
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
    Place place_2,
    device Params const& params
) {
    uint _e7 = params.recurrent_size;
    uint _e10 = params.recurrent_size;
    return Source {false, true, {}, slice_7.h, _e7, _e10};
}

void begin(
    thread Tile& acc_4,
    Place place_3,
    uint unit_5,
    uint local_7,
    device Params const& params,
    device type_3 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    input_part(acc_4, place_3, unit_5, local_7, params, x_proj, _buffer_sizes);
    return;
}

void write_h(
    Place place_4,
    uint row_6,
    uint unit_6,
    bool is_running,
    bool is_active,
    float h_1,
    device Params const& params,
    device type_5& state,
    device type_5& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    Slice slice_8 = params.slices.inner[place_4.slice];
    uint _e12 = slot_of(row_6);
    uint _e15 = params.recurrent_size;
    uint at_2 = (slice_8.h + (_e12 * _e15)) + unit_6;
    uint _e19 = h_prev_of(place_4, row_6);
    uint _e22 = params.state_size;
    uint h_next = _e22 - _e19;
    float _e30 = state[_e19 + at_2];
    state[h_next + at_2] = is_active ? h_1 : _e30;
    if (is_running) {
        write_output(slice_8, place_4.step, row_6, unit_6, is_active ? h_1 : 0.0, params, y, _buffer_sizes);
        return;
    } else {
        return;
    }
}

void finish(
    Gates pre_1,
    Place place_5,
    uint row_7,
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
    Slice slice_9 = params.slices.inner[place_5.slice];
    uint _e11 = slot_of(row_7);
    uint _e14 = params.hidden_size;
    uint at_3 = (_e11 * _e14) + unit_7;
    uint _e18 = h_prev_of(place_5, row_7);
    float _e23 = state[(_e18 + slice_9.h) + at_3];
    next = CellState {_e23, 0.0};
    if (is_active_1) {
        if (true) {
            float _e33 = state[slice_9.c + at_3];
            next.c = _e33;
        }
        CellState _e34 = next;
        CellState _e36 = cell_update(pre_1, _e34, place_5.slice, unit_7, params, weights, _buffer_sizes);
        next = _e36;
        if (true) {
            float _e43 = next.c;
            state[slice_9.c + at_3] = _e43;
        }
    }
    float _e45 = next.h;
    write_h(place_5, row_7, unit_7, is_running_1, is_active_1, _e45, params, state, y, _buffer_sizes);
    return;
}

uint row_start(
    Place place_6,
    Source source,
    uint row_8,
    device Params const& params
) {
    if (source.is_input) {
        Slice _e8 = params.slices.inner[place_6.slice];
        uint _e10 = time_of(_e8, place_6.step, row_8, params);
        uint _e13 = params.input_stride_t;
        uint _e17 = params.input_stride_b;
        return (_e10 * _e13) + (row_8 * _e17);
    }
    uint _e21 = h_prev_of(place_6, row_8);
    uint half_ = source.is_h ? _e21 : 0u;
    uint _e26 = slot_of(row_8);
    return (half_ + source.base) + (_e26 * source.stride);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void stage(
    Place place_7,
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
    uint2 loop_bound_8 = uint2(4294967295u);
    bool loop_init_8 = true;
    while(true) {
        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
        if (!loop_init_8) {
            uint _e64 = i;
            i = _e64 + UNITS;
        }
        loop_init_8 = false;
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
            uint _e19 = num_rows(params);
            uint _e23 = row_start(place_7, source_1, metal::min(place_7.row + r_6, _e19 - 1u), params);
            uint at_4 = _e23 + k;
            uint left = source_1.size - k;
            float _e28 = operand_at(source_1.is_input, at_4, state, _buffer_sizes);
            quad_1 = metal::float4(_e28, 0.0, 0.0, 0.0);
            if (left > 1u) {
                float _e40 = operand_at(source_1.is_input, at_4 + 1u, state, _buffer_sizes);
                quad_1.y = _e40;
            }
            if (left > 2u) {
                float _e47 = operand_at(source_1.is_input, at_4 + 2u, state, _buffer_sizes);
                quad_1.z = _e47;
            }
            if (left > 3u) {
                float _e54 = operand_at(source_1.is_input, at_4 + 3u, state, _buffer_sizes);
                quad_1.w = _e54;
            }
            metal::float4 _e63 = quad_1;
            tile.inner[(r_6 * TILE_QUADS) + naga_div(k - k0_, 4u)] = _e63;
        }
    }
    return;
}

void multiply(
    thread Tile& acc_5,
    Place place_8,
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
    uint2 loop_bound_9 = uint2(4294967295u);
    bool loop_init_9 = true;
    while(true) {
        if (metal::all(loop_bound_9 == uint2(0u))) { break; }
        loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
        if (!loop_init_9) {
            uint _e26 = k0_1;
            k0_1 = _e26 + 256u;
        }
        loop_init_9 = false;
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
            stage(place_8, source_2, _e17, _e16, local_9, params, state, tile, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e19 = k0_1;
            uint first_1 = matrix_2.first + (_e19 * matrix_2.row_words);
            accumulate(acc_5, Matrix {first_1, matrix_2.columns, matrix_2.row_words}, unit_8, _e16, weights, tile, _buffer_sizes);
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
    uint first_row_1 = group.y * ROWS;
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
    Place place_9 = Place {group.z, step_3 - slice_10.delay, first_row_1, h_prev};
    Matrix _e49 = phase_matrix(slice_10, params);
    if (is_running_2) {
        uint _e54 = longest_of(first_row_1, params);
        local_2 = place_9.step < _e54;
    } else {
        local_2 = false;
    }
    bool _e57 = local_2;
    if (_e57) {
        begin(acc, place_9, first_unit, local, params, x_proj, _buffer_sizes);
        Source _e58 = phase_operand(slice_10, place_9, params);
        multiply(acc, place_9, _e58, _e49, first_unit, local, params, weights, state, tile, _buffer_sizes);
    }
    uint2 loop_bound_10 = uint2(4294967295u);
    bool loop_init_10 = true;
    while(true) {
        if (metal::all(loop_bound_10 == uint2(0u))) { break; }
        loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
        if (!loop_init_10) {
            uint _e101 = u;
            u = _e101 + 1u;
        }
        loop_init_10 = false;
        uint _e61 = u;
        if (_e61 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e64 = u;
            uint unit_9 = first_unit + (_e64 * UNITS);
            r = 0u;
            uint2 loop_bound_11 = uint2(4294967295u);
            bool loop_init_11 = true;
            while(true) {
                if (metal::all(loop_bound_11 == uint2(0u))) { break; }
                loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
                if (!loop_init_11) {
                    uint _e98 = r;
                    r = _e98 + 1u;
                }
                loop_init_11 = false;
                uint _e70 = r;
                if (_e70 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e73 = r;
                    uint row_10 = first_row_1 + _e73;
                    uint _e75 = num_rows(params);
                    if (row_10 < _e75) {
                        local_3 = unit_9 < _e49.columns;
                    } else {
                        local_3 = false;
                    }
                    bool _e82 = local_3;
                    if (_e82) {
                        if (is_running_2) {
                            uint _e86 = length_of(row_10, params);
                            local_4 = place_9.step < _e86;
                        } else {
                            local_4 = false;
                        }
                        bool is_active_2 = local_4;
                        uint _e90 = u;
                        uint _e93 = r;
                        Gates _e96 = acc.inner[(_e90 * ROWS) + _e93];
                        finish(_e96, place_9, row_10, unit_9, is_running_2, is_active_2, params, weights, state, y, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}
