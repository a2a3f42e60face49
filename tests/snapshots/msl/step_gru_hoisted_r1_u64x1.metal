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

typedef metal::float4 Gates;
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
struct Slice {
    uint bias;
    uint w_hh;
    uint input_size;
    uint state;
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
    uint row_words;
    uint batch;
    uint seq_len;
    uint first_step;
    uint num_steps;
    uint phase;
    uint state_size;
    uint input_stride_t;
    uint input_stride_b;
    uint output_stride_t;
    uint output_stride_b;
    uint num_slices;
    uint padding_0_;
    uint padding_1_;
    uint padding_2_;
    type_2 slices;
};
struct CellState {
    float h;
    float c;
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
typedef float type_5[1];
struct type_8 {
    metal::float4 inner[64];
};
struct type_9 {
    Gates inner[4];
};
struct Clock {
    uint step;
};
struct Source {
    bool is_input;
    char _pad1[3];
    uint base;
    uint stride;
    uint size;
};
constant uint ROWS = 1u;
constant uint UNITS = 64u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint TILE_QUADS = 64u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 0u;
constant uint IS_CHOSEN = 0u;
constant uint NONE = 4294967295u;

float sigmoid(
    float x
) {
    float e = metal::exp(-(metal::abs(x)));
    float r_4 = 1.0 / (1.0 + e);
    return (x >= 0.0) ? r_4 : (e * r_4);
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

float activate_f(
    float x_2,
    uint slice
) {
    float _e2 = sigmoid(x_2);
    return _e2;
}

float activate_g(
    float x_3,
    uint slice_1
) {
    float _e2 = tanh_stable(x_3);
    return _e2;
}

float activate_h(
    float x_4,
    uint slice_2
) {
    float _e2 = tanh_stable(x_4);
    return _e2;
}

float clip(
    float x_5,
    float bound
) {
    return (x_5 < -(bound)) ? -(bound) : ((x_5 > bound) ? bound : x_5);
}

float gate(
    float pre,
    uint slice_3,
    constant Params& params
) {
    if (false) {
        float _e8 = params.slices.inner[slice_3].choice.preact_clip;
        float _e9 = clip(pre, _e8);
        float _e10 = activate_f(_e9, slice_3);
        return _e10;
    }
    float _e11 = activate_f(pre, slice_3);
    return _e11;
}

float candidate(
    float pre_1,
    uint slice_4,
    constant Params& params
) {
    if (false) {
        float _e8 = params.slices.inner[slice_4].choice.preact_clip;
        float _e9 = clip(pre_1, _e8);
        float _e10 = activate_g(_e9, slice_4);
        return _e10;
    }
    float _e11 = activate_g(pre_1, slice_4);
    return _e11;
}

CellState cell_update(
    Gates pre_2,
    CellState prev,
    uint slice_5,
    uint unit,
    constant Params& params
) {
    float _e5 = gate(pre_2.x, slice_5, params);
    float _e7 = gate(pre_2.y, slice_5, params);
    float _e12 = candidate(pre_2.z + (_e5 * pre_2.w), slice_5, params);
    return CellState {((1.0 - _e7) * _e12) + (_e7 * prev.h), 0.0};
}

uint length_of(
    uint row,
    constant Params& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

Gates load_weight(
    uint index,
    device type_3 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e3 = weights[index];
    return _e3;
}

uint column(
    uint unit_1,
    uint u_1,
    constant Params& params
) {
    uint _e7 = params.hidden_size;
    return metal::min(unit_1 + (u_1 * UNITS), _e7 - 1u);
}

void input_part(
    thread Tile& acc_1,
    Place place,
    uint unit_2,
    uint local_5,
    constant Params& params,
    device type_3 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_1 = 0u;
    uint u_2 = {};
    uint _e7 = params.first_step;
    uint step_2 = place.step - _e7;
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e59 = r_1;
            r_1 = _e59 + 1u;
        }
        loop_init = false;
        uint _e11 = r_1;
        if (_e11 < ROWS) {
        } else {
            break;
        }
        {
            uint _e15 = r_1;
            uint _e19 = params.batch;
            uint row_5 = metal::min(place.row + _e15, _e19 - 1u);
            uint _e25 = params.batch;
            uint _e30 = params.num_slices;
            uint at = (((step_2 * _e25) + row_5) * _e30) + place.slice;
            u_2 = 0u;
            uint2 loop_bound_1 = uint2(4294967295u);
            bool loop_init_1 = true;
            while(true) {
                if (metal::all(loop_bound_1 == uint2(0u))) { break; }
                loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
                if (!loop_init_1) {
                    uint _e56 = u_2;
                    u_2 = _e56 + 1u;
                }
                loop_init_1 = false;
                uint _e36 = u_2;
                if (_e36 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e39 = u_2;
                    uint _e42 = r_1;
                    uint _e48 = params.row_words;
                    uint _e50 = u_2;
                    uint _e51 = column(unit_2, _e50, params);
                    Gates _e54 = x_proj[(at * _e48) + _e51];
                    acc_1.inner[(_e39 * ROWS) + _e42] = _e54;
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
    uint weight,
    uint unit_3,
    uint num_quads,
    constant Params& params,
    device type_3 const& weights,
    threadgroup type_8& tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    type_9 w = {};
    uint q = 0u;
    uint u_3 = {};
    uint r_2 = {};
    uint u_4 = {};
    uint stride = params.row_words;
    uint2 loop_bound_2 = uint2(4294967295u);
    bool loop_init_2 = true;
    while(true) {
        if (metal::all(loop_bound_2 == uint2(0u))) { break; }
        loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
        if (!loop_init_2) {
            uint _e126 = q;
            q = _e126 + 1u;
        }
        loop_init_2 = false;
        uint _e10 = q;
        if (_e10 < num_quads) {
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
                    uint _e59 = u_3;
                    u_3 = _e59 + 1u;
                }
                loop_init_3 = false;
                uint _e14 = u_3;
                if (_e14 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e18 = q;
                    uint _e22 = u_3;
                    uint _e23 = column(unit_3, _e22, params);
                    uint at_1 = (weight + ((4u * _e18) * stride)) + _e23;
                    uint _e26 = u_3;
                    Gates _e29 = load_weight(at_1, weights, _buffer_sizes);
                    w.inner[4u * _e26] = _e29;
                    uint _e31 = u_3;
                    Gates _e37 = load_weight(at_1 + stride, weights, _buffer_sizes);
                    w.inner[(4u * _e31) + 1u] = _e37;
                    uint _e39 = u_3;
                    Gates _e47 = load_weight(at_1 + (2u * stride), weights, _buffer_sizes);
                    w.inner[(4u * _e39) + 2u] = _e47;
                    uint _e49 = u_3;
                    Gates _e57 = load_weight(at_1 + (3u * stride), weights, _buffer_sizes);
                    w.inner[(4u * _e49) + 3u] = _e57;
                }
            }
            r_2 = 0u;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e123 = r_2;
                    r_2 = _e123 + 1u;
                }
                loop_init_4 = false;
                uint _e63 = r_2;
                if (_e63 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e66 = r_2;
                    uint _e67 = q;
                    metal::float4 _e68 = operand_quad(_e66, _e67, tile);
                    u_4 = 0u;
                    uint2 loop_bound_5 = uint2(4294967295u);
                    bool loop_init_5 = true;
                    while(true) {
                        if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                        loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                        if (!loop_init_5) {
                            uint _e120 = u_4;
                            u_4 = _e120 + 1u;
                        }
                        loop_init_5 = false;
                        uint _e71 = u_4;
                        if (_e71 < UNITS_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e74 = u_4;
                            uint _e77 = r_2;
                            Gates _e80 = acc_2.inner[(_e74 * ROWS) + _e77];
                            uint _e83 = u_4;
                            Gates _e86 = w.inner[4u * _e83];
                            uint _e90 = u_4;
                            Gates _e95 = w.inner[(4u * _e90) + 1u];
                            uint _e100 = u_4;
                            Gates _e105 = w.inner[(4u * _e100) + 2u];
                            uint _e110 = u_4;
                            Gates _e115 = w.inner[(4u * _e110) + 3u];
                            acc_2.inner[(_e74 * ROWS) + _e77] = _e80 + ((((_e68.x * _e86) + (_e68.y * _e95)) + (_e68.z * _e105)) + (_e68.w * _e115));
                        }
                    }
                }
            }
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
    Slice slice_6,
    uint step,
    uint row_2,
    constant Params& params
) {
    bool local_6 = {};
    uint _e3 = length_of(row_2, params);
    if (slice_6.reverse != 0u) {
        local_6 = step < _e3;
    } else {
        local_6 = false;
    }
    bool _e14 = local_6;
    return _e14 ? ((_e3 - 1u) - step) : step;
}

void write_output(
    Slice slice_7,
    uint step_1,
    uint row_3,
    uint unit_4,
    float h,
    constant Params& params,
    device type_5& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (slice_7.output != NONE) {
        uint _e8 = time_of(slice_7, step_1, row_3, params);
        uint _e12 = params.output_stride_t;
        uint _e16 = params.output_stride_b;
        y[(((_e8 * _e12) + (row_3 * _e16)) + slice_7.output) + unit_4] = h;
        return;
    } else {
        return;
    }
}

uint longest_of(
    uint first_row,
    constant Params& params
) {
    uint longest = 0u;
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
            uint _e8 = longest;
            uint _e9 = r_3;
            uint _e11 = length_of(first_row + _e9, params);
            longest = metal::max(_e8, _e11);
        }
    }
    uint _e16 = longest;
    return _e16;
}

uint row_start(
    Place place_1,
    Source source,
    uint row_4,
    constant Params& params
) {
    if (source.is_input) {
        Slice _e8 = params.slices.inner[place_1.slice];
        uint _e10 = time_of(_e8, place_1.step, row_4, params);
        uint _e13 = params.input_stride_t;
        uint _e17 = params.input_stride_b;
        return (_e10 * _e13) + (row_4 * _e17);
    }
    return source.base + (row_4 * source.stride);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void stage(
    Place place_2,
    Source source_1,
    uint k0_,
    uint num_quads_1,
    uint local_7,
    constant Params& params,
    device type_5 const& state,
    threadgroup type_8& tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i = {};
    metal::float4 quad_1 = {};
    i = local_7;
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e66 = i;
            i = _e66 + UNITS;
        }
        loop_init_7 = false;
        uint _e6 = i;
        if (_e6 < (ROWS * num_quads_1)) {
        } else {
            break;
        }
        {
            uint _e10 = i;
            uint r_5 = naga_div(_e10, num_quads_1);
            uint _e13 = i;
            uint k = k0_ + (4u * naga_mod(_e13, num_quads_1));
            uint _e21 = params.batch;
            uint _e25 = row_start(place_2, source_1, metal::min(place_2.row + r_5, _e21 - 1u), params);
            uint at_2 = _e25 + k;
            uint left = source_1.size - k;
            float _e30 = operand_at(source_1.is_input, at_2, state, _buffer_sizes);
            quad_1 = metal::float4(_e30, 0.0, 0.0, 0.0);
            if (left > 1u) {
                float _e42 = operand_at(source_1.is_input, at_2 + 1u, state, _buffer_sizes);
                quad_1.y = _e42;
            }
            if (left > 2u) {
                float _e49 = operand_at(source_1.is_input, at_2 + 2u, state, _buffer_sizes);
                quad_1.z = _e49;
            }
            if (left > 3u) {
                float _e56 = operand_at(source_1.is_input, at_2 + 3u, state, _buffer_sizes);
                quad_1.w = _e56;
            }
            metal::float4 _e65 = quad_1;
            tile.inner[(r_5 * TILE_QUADS) + naga_div(k - k0_, 4u)] = _e65;
        }
    }
    return;
}

void multiply(
    thread Tile& acc_3,
    Place place_3,
    Source source_2,
    uint weight_1,
    uint unit_5,
    uint local_8,
    constant Params& params,
    device type_3 const& weights,
    device type_5 const& state,
    threadgroup type_8& tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint k0_1 = 0u;
    uint2 loop_bound_8 = uint2(4294967295u);
    bool loop_init_8 = true;
    while(true) {
        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
        if (!loop_init_8) {
            uint _e24 = k0_1;
            k0_1 = _e24 + 256u;
        }
        loop_init_8 = false;
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
            stage(place_3, source_2, _e17, _e16, local_8, params, state, tile, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e18 = k0_1;
            uint _e21 = params.row_words;
            accumulate(acc_3, weight_1 + (_e18 * _e21), unit_5, _e16, params, weights, tile, _buffer_sizes);
        }
    }
    return;
}

struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, constant Params& params [[user(fake0)]]
, device type_3 const& weights [[user(fake0)]]
, device type_3 const& x_proj [[user(fake0)]]
, device type_5& state [[user(fake0)]]
, device type_5& y [[user(fake0)]]
, threadgroup type_8& tile
, constant Clock& clock [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool local_1 = {};
    bool local_2 = {};
    Tile acc = {};
    uint u = 0u;
    uint r = {};
    bool local_3 = {};
    CellState next = {};
    bool local_4 = {};
    Slice slice_8 = params.slices.inner[group.z];
    uint _e9 = params.first_step;
    uint _e12 = clock.step;
    uint step_3 = _e9 + _e12;
    uint first_unit = ((group.x * UNITS) * UNITS_PER_INVOCATION) + local;
    uint first_row_1 = group.y * ROWS;
    uint _e25 = params.phase;
    uint _e31 = params.state_size;
    uint h_prev = naga_mod(step_3 + _e25, 2u) * _e31;
    uint _e35 = params.state_size;
    uint h_next = _e35 - h_prev;
    uint _e40 = params.state_size;
    uint c = 2u * _e40;
    if (step_3 >= slice_8.delay) {
        uint _e50 = params.seq_len;
        local_1 = (step_3 - slice_8.delay) < _e50;
    } else {
        local_1 = false;
    }
    bool is_running = local_1;
    Place place_4 = Place {group.z, step_3 - slice_8.delay, first_row_1, h_prev};
    if (is_running) {
        uint _e61 = longest_of(first_row_1, params);
        local_2 = place_4.step < _e61;
    } else {
        local_2 = false;
    }
    bool is_active = local_2;
    if (is_active) {
        input_part(acc, place_4, first_unit, local, params, x_proj, _buffer_sizes);
        uint _e71 = params.hidden_size;
        uint _e74 = params.hidden_size;
        Source h_1 = Source {false, {}, h_prev + slice_8.state, _e71, _e74};
        multiply(acc, place_4, h_1, slice_8.w_hh, first_unit, local, params, weights, state, tile, _buffer_sizes);
    }
    uint2 loop_bound_9 = uint2(4294967295u);
    bool loop_init_9 = true;
    while(true) {
        if (metal::all(loop_bound_9 == uint2(0u))) { break; }
        loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
        if (!loop_init_9) {
            uint _e162 = u;
            u = _e162 + 1u;
        }
        loop_init_9 = false;
        uint _e79 = u;
        if (_e79 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e82 = u;
            uint unit_6 = first_unit + (_e82 * UNITS);
            r = 0u;
            uint2 loop_bound_10 = uint2(4294967295u);
            bool loop_init_10 = true;
            while(true) {
                if (metal::all(loop_bound_10 == uint2(0u))) { break; }
                loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
                if (!loop_init_10) {
                    uint _e159 = r;
                    r = _e159 + 1u;
                }
                loop_init_10 = false;
                uint _e88 = r;
                if (_e88 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e91 = r;
                    uint row_6 = first_row_1 + _e91;
                    uint _e95 = params.batch;
                    if (row_6 < _e95) {
                        uint _e101 = params.hidden_size;
                        local_3 = unit_6 < _e101;
                    } else {
                        local_3 = false;
                    }
                    bool _e104 = local_3;
                    if (_e104) {
                        uint _e108 = params.hidden_size;
                        uint at_3 = (slice_8.state + (row_6 * _e108)) + unit_6;
                        float _e115 = state[h_prev + at_3];
                        next = CellState {_e115, 0.0};
                        if (is_running) {
                            uint _e122 = length_of(row_6, params);
                            local_4 = place_4.step < _e122;
                        } else {
                            local_4 = false;
                        }
                        bool _e125 = local_4;
                        if (_e125) {
                            if (false) {
                                float _e131 = state[c + at_3];
                                next.c = _e131;
                            }
                            uint _e132 = u;
                            uint _e135 = r;
                            Gates _e138 = acc.inner[(_e132 * ROWS) + _e135];
                            CellState _e139 = next;
                            CellState _e141 = cell_update(_e138, _e139, group.z, unit_6, params);
                            next = _e141;
                            if (false) {
                                float _e147 = next.c;
                                state[c + at_3] = _e147;
                            }
                            float _e150 = next.h;
                            write_output(slice_8, place_4.step, row_6, unit_6, _e150, params, y, _buffer_sizes);
                        } else {
                            if (is_running) {
                                write_output(slice_8, place_4.step, row_6, unit_6, 0.0, params, y, _buffer_sizes);
                            }
                        }
                        float _e157 = next.h;
                        state[h_next + at_3] = _e157;
                    }
                }
            }
        }
    }
    return;
}
