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
struct type_7 {
    float inner[128];
};
struct type_9 {
    Gates inner[4];
};
struct type_11 {
    float inner[1];
};
constant uint ROWS = 1u;
constant uint UNITS = 64u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 0u;
constant uint IS_CHOSEN = 0u;
constant uint NONE = 4294967295u;
constant uint CAPACITY = 64u;

float sigmoid(
    float x
) {
    float e = metal::exp(-(metal::abs(x)));
    float r_6 = 1.0 / (1.0 + e);
    return (x >= 0.0) ? r_6 : (e * r_6);
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
    uint row_1,
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
    uint u_4,
    constant Params& params
) {
    uint _e7 = params.hidden_size;
    return metal::min(unit_1 + (u_4 * UNITS), _e7 - 1u);
}

void input_part(
    thread Tile& acc_1,
    Place place,
    uint unit_2,
    uint local_3,
    constant Params& params,
    device type_3 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_3 = 0u;
    uint u_5 = {};
    uint _e7 = params.first_step;
    uint step_2 = place.step - _e7;
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e59 = r_3;
            r_3 = _e59 + 1u;
        }
        loop_init = false;
        uint _e11 = r_3;
        if (_e11 < ROWS) {
        } else {
            break;
        }
        {
            uint _e15 = r_3;
            uint _e19 = params.batch;
            uint row_5 = metal::min(place.row + _e15, _e19 - 1u);
            uint _e25 = params.batch;
            uint _e30 = params.num_slices;
            uint at = (((step_2 * _e25) + row_5) * _e30) + place.slice;
            u_5 = 0u;
            uint2 loop_bound_1 = uint2(4294967295u);
            bool loop_init_1 = true;
            while(true) {
                if (metal::all(loop_bound_1 == uint2(0u))) { break; }
                loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
                if (!loop_init_1) {
                    uint _e56 = u_5;
                    u_5 = _e56 + 1u;
                }
                loop_init_1 = false;
                uint _e36 = u_5;
                if (_e36 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e39 = u_5;
                    uint _e42 = r_3;
                    uint _e48 = params.row_words;
                    uint _e50 = u_5;
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
    uint row_2,
    uint quad_,
    thread uint& h_read,
    threadgroup type_7& h_1
) {
    uint _e3 = h_read;
    uint at_1 = (_e3 + (row_2 * CAPACITY)) + (4u * quad_);
    float _e12 = h_1.inner[at_1];
    float _e17 = h_1.inner[at_1 + 1u];
    float _e22 = h_1.inner[at_1 + 2u];
    float _e27 = h_1.inner[at_1 + 3u];
    return metal::float4(_e12, _e17, _e22, _e27);
}

void accumulate(
    thread Tile& acc_2,
    uint weight,
    uint unit_3,
    uint num_quads,
    constant Params& params,
    device type_3 const& weights,
    thread uint& h_read,
    threadgroup type_7& h_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    type_9 w = {};
    uint q = 0u;
    uint u_6 = {};
    uint r_4 = {};
    uint u_7 = {};
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
            u_6 = 0u;
            uint2 loop_bound_3 = uint2(4294967295u);
            bool loop_init_3 = true;
            while(true) {
                if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                if (!loop_init_3) {
                    uint _e59 = u_6;
                    u_6 = _e59 + 1u;
                }
                loop_init_3 = false;
                uint _e14 = u_6;
                if (_e14 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e18 = q;
                    uint _e22 = u_6;
                    uint _e23 = column(unit_3, _e22, params);
                    uint at_2 = (weight + ((4u * _e18) * stride)) + _e23;
                    uint _e26 = u_6;
                    Gates _e29 = load_weight(at_2, weights, _buffer_sizes);
                    w.inner[4u * _e26] = _e29;
                    uint _e31 = u_6;
                    Gates _e37 = load_weight(at_2 + stride, weights, _buffer_sizes);
                    w.inner[(4u * _e31) + 1u] = _e37;
                    uint _e39 = u_6;
                    Gates _e47 = load_weight(at_2 + (2u * stride), weights, _buffer_sizes);
                    w.inner[(4u * _e39) + 2u] = _e47;
                    uint _e49 = u_6;
                    Gates _e57 = load_weight(at_2 + (3u * stride), weights, _buffer_sizes);
                    w.inner[(4u * _e49) + 3u] = _e57;
                }
            }
            r_4 = 0u;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e123 = r_4;
                    r_4 = _e123 + 1u;
                }
                loop_init_4 = false;
                uint _e63 = r_4;
                if (_e63 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e66 = r_4;
                    uint _e67 = q;
                    metal::float4 _e68 = operand_quad(_e66, _e67, h_read, h_1);
                    u_7 = 0u;
                    uint2 loop_bound_5 = uint2(4294967295u);
                    bool loop_init_5 = true;
                    while(true) {
                        if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                        loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                        if (!loop_init_5) {
                            uint _e120 = u_7;
                            u_7 = _e120 + 1u;
                        }
                        loop_init_5 = false;
                        uint _e71 = u_7;
                        if (_e71 < UNITS_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e74 = u_7;
                            uint _e77 = r_4;
                            Gates _e80 = acc_2.inner[(_e74 * ROWS) + _e77];
                            uint _e83 = u_7;
                            Gates _e86 = w.inner[4u * _e83];
                            uint _e90 = u_7;
                            Gates _e95 = w.inner[(4u * _e90) + 1u];
                            uint _e100 = u_7;
                            Gates _e105 = w.inner[(4u * _e100) + 2u];
                            uint _e110 = u_7;
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
    uint row_3,
    constant Params& params
) {
    bool local_4 = {};
    uint _e3 = length_of(row_3, params);
    if (slice_6.reverse != 0u) {
        local_4 = step < _e3;
    } else {
        local_4 = false;
    }
    bool _e14 = local_4;
    return _e14 ? ((_e3 - 1u) - step) : step;
}

void write_output(
    Slice slice_7,
    uint step_1,
    uint row_4,
    uint unit_4,
    float h,
    constant Params& params,
    device type_5& y,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (slice_7.output != NONE) {
        uint _e8 = time_of(slice_7, step_1, row_4, params);
        uint _e12 = params.output_stride_t;
        uint _e16 = params.output_stride_b;
        y[(((_e8 * _e12) + (row_4 * _e16)) + slice_7.output) + unit_4] = h;
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
    uint r_5 = 0u;
    uint2 loop_bound_6 = uint2(4294967295u);
    bool loop_init_6 = true;
    while(true) {
        if (metal::all(loop_bound_6 == uint2(0u))) { break; }
        loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
        if (!loop_init_6) {
            uint _e14 = r_5;
            r_5 = _e14 + 1u;
        }
        loop_init_6 = false;
        uint _e5 = r_5;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e8 = longest;
            uint _e9 = r_5;
            uint _e11 = length_of(first_row + _e9, params);
            longest = metal::max(_e8, _e11);
        }
    }
    uint _e16 = longest;
    return _e16;
}
uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
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
, threadgroup type_7& h_1
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint h_read = {};
    if (local == 0u) {
        h_1 = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    type_11 c = {};
    uint u = 0u;
    uint r = {};
    bool local_1 = {};
    uint s = 0u;
    Tile acc = {};
    uint u_1 = {};
    uint r_1 = {};
    CellState next = {};
    float output = {};
    uint s_1 = {};
    uint u_2 = {};
    uint row = {};
    uint u_3 = 0u;
    uint r_2 = {};
    bool local_2 = {};
    Slice slice_8 = params.slices.inner[group.y];
    uint first_row_1 = group.x * ROWS;
    uint _e12 = params.phase;
    uint _e15 = params.state_size;
    uint h_at = (_e12 * _e15) + slice_8.state;
    uint _e22 = params.state_size;
    uint c_at = (2u * _e22) + slice_8.state;
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e101 = u;
            u = _e101 + 1u;
        }
        loop_init_7 = false;
        uint _e29 = u;
        if (_e29 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e32 = u;
            uint unit_5 = local + (_e32 * UNITS);
            r = 0u;
            uint2 loop_bound_8 = uint2(4294967295u);
            bool loop_init_8 = true;
            while(true) {
                if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                if (!loop_init_8) {
                    uint _e98 = r;
                    r = _e98 + 1u;
                }
                loop_init_8 = false;
                uint _e38 = r;
                if (_e38 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e41 = r;
                    uint row_6 = first_row_1 + _e41;
                    uint _e45 = params.hidden_size;
                    uint at_3 = (row_6 * _e45) + unit_5;
                    uint _e50 = params.batch;
                    if (row_6 < _e50) {
                        uint _e56 = params.hidden_size;
                        local_1 = unit_5 < _e56;
                    } else {
                        local_1 = false;
                    }
                    bool exists = local_1;
                    if (exists) {
                        if (false) {
                            uint _e61 = u;
                            uint _e64 = r;
                            float _e70 = state[c_at + at_3];
                            c.inner[(_e61 * ROWS) + _e64] = _e70;
                        }
                        uint _e72 = r;
                        float _e80 = state[h_at + at_3];
                        h_1.inner[(_e72 * CAPACITY) + unit_5] = _e80;
                    } else {
                        uint _e82 = r;
                        h_1.inner[(_e82 * CAPACITY) + unit_5] = 0.0;
                        uint _e90 = r;
                        h_1.inner[((ROWS + _e90) * CAPACITY) + unit_5] = 0.0;
                    }
                }
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e103 = longest_of(first_row_1, params);
    uint _e106 = params.first_step;
    uint _e110 = params.first_step;
    uint _e114 = params.num_steps;
    uint active_steps = metal::min(metal::max(_e103, _e106) - _e110, _e114);
    uint2 loop_bound_9 = uint2(4294967295u);
    bool loop_init_9 = true;
    while(true) {
        if (metal::all(loop_bound_9 == uint2(0u))) { break; }
        loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
        if (!loop_init_9) {
            uint _e230 = s;
            s = _e230 + 1u;
        }
        loop_init_9 = false;
        uint _e118 = s;
        if (_e118 < active_steps) {
        } else {
            break;
        }
        {
            uint _e121 = s;
            h_read = (naga_mod(_e121, 2u) * ROWS) * CAPACITY;
            uint _e130 = h_read;
            uint h_write = 64u - _e130;
            uint _e135 = params.first_step;
            uint _e136 = s;
            Place place_1 = Place {group.y, _e135 + _e136, first_row_1, h_at};
            acc = Tile {};
            input_part(acc, place_1, local, local, params, x_proj, _buffer_sizes);
            uint _e144 = params.hidden_size;
            uint _e145 = quads(_e144);
            accumulate(acc, slice_8.w_hh, local, _e145, params, weights, h_read, h_1, _buffer_sizes);
            u_1 = 0u;
            uint2 loop_bound_10 = uint2(4294967295u);
            bool loop_init_10 = true;
            while(true) {
                if (metal::all(loop_bound_10 == uint2(0u))) { break; }
                loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
                if (!loop_init_10) {
                    uint _e227 = u_1;
                    u_1 = _e227 + 1u;
                }
                loop_init_10 = false;
                uint _e148 = u_1;
                if (_e148 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e151 = u_1;
                    uint unit_6 = local + (_e151 * UNITS);
                    r_1 = 0u;
                    uint2 loop_bound_11 = uint2(4294967295u);
                    bool loop_init_11 = true;
                    while(true) {
                        if (metal::all(loop_bound_11 == uint2(0u))) { break; }
                        loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
                        if (!loop_init_11) {
                            uint _e224 = r_1;
                            r_1 = _e224 + 1u;
                        }
                        loop_init_11 = false;
                        uint _e157 = r_1;
                        if (_e157 < ROWS) {
                        } else {
                            break;
                        }
                        {
                            uint _e160 = r_1;
                            uint row_7 = first_row_1 + _e160;
                            uint _e162 = r_1;
                            uint at_4 = (_e162 * CAPACITY) + unit_6;
                            uint _e168 = h_read;
                            float _e171 = h_1.inner[_e168 + at_4];
                            uint _e172 = u_1;
                            uint _e175 = r_1;
                            float _e178 = c.inner[(_e172 * ROWS) + _e175];
                            next = CellState {_e171, _e178};
                            output = 0.0;
                            uint _e184 = length_of(row_7, params);
                            if (place_1.step < _e184) {
                                uint _e186 = u_1;
                                uint _e189 = r_1;
                                Gates _e192 = acc.inner[(_e186 * ROWS) + _e189];
                                CellState _e193 = next;
                                uint _e195 = u_1;
                                uint _e196 = column(local, _e195, params);
                                CellState _e197 = cell_update(_e192, _e193, group.y, _e196, params);
                                next = _e197;
                                float _e199 = next.h;
                                output = _e199;
                            }
                            uint _e202 = params.hidden_size;
                            if (unit_6 < _e202) {
                                uint _e204 = u_1;
                                uint _e207 = r_1;
                                float _e211 = next.c;
                                c.inner[(_e204 * ROWS) + _e207] = _e211;
                                float _e216 = next.h;
                                h_1.inner[h_write + at_4] = _e216;
                                uint _e219 = params.batch;
                                if (row_7 < _e219) {
                                    float _e222 = output;
                                    write_output(slice_8, place_1.step, row_7, unit_6, _e222, params, y, _buffer_sizes);
                                }
                            }
                        }
                    }
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    s_1 = active_steps;
    uint2 loop_bound_12 = uint2(4294967295u);
    bool loop_init_12 = true;
    while(true) {
        if (metal::all(loop_bound_12 == uint2(0u))) { break; }
        loop_bound_12 -= uint2(loop_bound_12.y == 0u, 1u);
        if (!loop_init_12) {
            uint _e274 = s_1;
            s_1 = _e274 + 1u;
        }
        loop_init_12 = false;
        uint _e233 = s_1;
        uint _e236 = params.num_steps;
        if (_e233 < _e236) {
        } else {
            break;
        }
        {
            u_2 = 0u;
            uint2 loop_bound_13 = uint2(4294967295u);
            bool loop_init_13 = true;
            while(true) {
                if (metal::all(loop_bound_13 == uint2(0u))) { break; }
                loop_bound_13 -= uint2(loop_bound_13.y == 0u, 1u);
                if (!loop_init_13) {
                    uint _e271 = u_2;
                    u_2 = _e271 + 1u;
                }
                loop_init_13 = false;
                uint _e240 = u_2;
                if (_e240 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e243 = u_2;
                    uint unit_7 = local + (_e243 * UNITS);
                    row = first_row_1;
                    uint2 loop_bound_14 = uint2(4294967295u);
                    bool loop_init_14 = true;
                    while(true) {
                        if (metal::all(loop_bound_14 == uint2(0u))) { break; }
                        loop_bound_14 -= uint2(loop_bound_14.y == 0u, 1u);
                        if (!loop_init_14) {
                            uint _e268 = row;
                            row = _e268 + 1u;
                        }
                        loop_init_14 = false;
                        uint _e248 = row;
                        uint _e253 = params.batch;
                        if (_e248 < metal::min(first_row_1 + ROWS, _e253)) {
                        } else {
                            break;
                        }
                        {
                            uint _e258 = params.hidden_size;
                            if (unit_7 < _e258) {
                                uint _e262 = params.first_step;
                                uint _e263 = s_1;
                                uint _e265 = row;
                                write_output(slice_8, _e262 + _e263, _e265, unit_7, 0.0, params, y, _buffer_sizes);
                            }
                        }
                    }
                }
            }
        }
    }
    h_read = (naga_mod(active_steps, 2u) * ROWS) * CAPACITY;
    uint2 loop_bound_15 = uint2(4294967295u);
    bool loop_init_15 = true;
    while(true) {
        if (metal::all(loop_bound_15 == uint2(0u))) { break; }
        loop_bound_15 -= uint2(loop_bound_15.y == 0u, 1u);
        if (!loop_init_15) {
            uint _e344 = u_3;
            u_3 = _e344 + 1u;
        }
        loop_init_15 = false;
        uint _e285 = u_3;
        if (_e285 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e288 = u_3;
            uint unit_8 = local + (_e288 * UNITS);
            r_2 = 0u;
            uint2 loop_bound_16 = uint2(4294967295u);
            bool loop_init_16 = true;
            while(true) {
                if (metal::all(loop_bound_16 == uint2(0u))) { break; }
                loop_bound_16 -= uint2(loop_bound_16.y == 0u, 1u);
                if (!loop_init_16) {
                    uint _e341 = r_2;
                    r_2 = _e341 + 1u;
                }
                loop_init_16 = false;
                uint _e294 = r_2;
                if (_e294 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e297 = r_2;
                    uint row_8 = first_row_1 + _e297;
                    uint _e301 = params.batch;
                    if (row_8 < _e301) {
                        uint _e307 = params.hidden_size;
                        local_2 = unit_8 < _e307;
                    } else {
                        local_2 = false;
                    }
                    bool _e310 = local_2;
                    if (_e310) {
                        uint _e313 = params.hidden_size;
                        uint at_5 = (row_8 * _e313) + unit_8;
                        uint _e321 = h_read;
                        uint _e322 = r_2;
                        float _e328 = h_1.inner[(_e321 + (_e322 * CAPACITY)) + unit_8];
                        state[h_at + at_5] = _e328;
                        if (false) {
                            uint _e333 = u_3;
                            uint _e336 = r_2;
                            float _e339 = c.inner[(_e333 * ROWS) + _e336];
                            state[c_at + at_5] = _e339;
                        }
                    }
                }
            }
        }
    }
    return;
}
