// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size2;
    uint size3;
};

typedef metal::float4 Gates;
typedef Gates type_2[1];
struct MatmulParams {
    uint rows;
    uint inner;
    uint columns;
    uint features;
    uint batch;
    uint first_step;
    uint seq_len;
    uint a_first;
    uint stride_t;
    uint stride_b;
    uint stride_z;
    uint bias;
    uint weights;
    uint weights_stride;
    uint reverse;
    uint num_slices;
    uint out_row;
    uint kept_lanes;
};
typedef float type_4[1];
typedef metal::float4 type_6[1];
struct type_7 {
    metal::float4 inner[128];
};
struct type_8 {
    metal::float4 inner[512];
};
struct type_10 {
    uint inner[2];
};
struct type_11 {
    metal::float4 inner[16];
};
struct type_12 {
    metal::float4 inner[8];
};
constant uint TILE_M = 32u;
constant uint TILE_N = 32u;
constant uint TILE_K = 16u;
constant uint M_PER_INVOCATION = 8u;
constant uint N_PER_INVOCATION = 2u;
constant uint QUADS_K = 4u;
constant uint INVOCATIONS_N = 16u;
constant uint INVOCATIONS = 64u;
constant uint A_LOADS = 2u;

Gates load_full(
    uint row,
    uint column,
    device type_2 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e5 = weights[row + column];
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
    device type_2 const& weights,
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

uint length_of(
    uint row_1,
    device MatmulParams const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

uint time_of(
    uint step,
    uint row_2,
    uint z,
    device MatmulParams const& params
) {
    bool local_2 = {};
    uint _e3 = length_of(row_2, params);
    uint _e6 = params.reverse;
    bool is_reverse = ((_e6 >> z) & 1u) != 0u;
    if (is_reverse) {
        local_2 = step < _e3;
    } else {
        local_2 = false;
    }
    bool _e19 = local_2;
    return _e19 ? ((_e3 - 1u) - step) : step;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint row_start(
    uint m,
    uint z_1,
    device MatmulParams const& params
) {
    uint _e4 = params.first_step;
    uint _e7 = params.batch;
    uint step_1 = _e4 + naga_div(m, _e7);
    uint _e12 = params.batch;
    uint row_3 = naga_mod(m, _e12);
    uint _e16 = params.a_first;
    uint _e17 = time_of(step_1, row_3, z_1, params);
    uint _e20 = params.stride_t;
    uint _e25 = params.stride_b;
    uint _e30 = params.stride_z;
    return ((_e16 + (_e17 * _e20)) + (row_3 * _e25)) + (z_1 * _e30);
}

metal::float4 start_value(
    uint m_1,
    uint n,
    uint z_2,
    uint bias,
    device type_2 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e4 = load_full(bias, n, weights, _buffer_sizes);
    return _e4;
}

void store(
    uint m_2,
    uint n_1,
    uint z_3,
    metal::float4 value,
    device MatmulParams const& params,
    device type_6& pre,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = params.out_row;
    uint _e11 = params.num_slices;
    uint _e16 = params.columns;
    pre[((((_e7 + m_2) * _e11) + z_3) * _e16) + n_1] = value;
    return;
}

metal::float4 load_a_quad(
    uint start,
    uint k,
    device MatmulParams const& params,
    device type_4 const& a,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 quad_ = metal::float4 {};
    uint _e6 = params.inner;
    if (k < _e6) {
        float _e12 = a[start + k];
        quad_.x = _e12;
    }
    uint _e17 = params.inner;
    if ((k + 1u) < _e17) {
        float _e25 = a[(start + k) + 1u];
        quad_.y = _e25;
    }
    uint _e30 = params.inner;
    if ((k + 2u) < _e30) {
        float _e38 = a[(start + k) + 2u];
        quad_.z = _e38;
    }
    uint _e43 = params.inner;
    if ((k + 3u) < _e43) {
        float _e51 = a[(start + k) + 3u];
        quad_.w = _e51;
    }
    metal::float4 _e52 = quad_;
    return _e52;
}

struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, device type_2 const& weights [[user(fake0)]]
, device MatmulParams const& params [[user(fake0)]]
, device type_4 const& a [[user(fake0)]]
, device type_6& pre [[user(fake0)]]
, threadgroup type_7& a_tile
, threadgroup type_8& w_tile
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        a_tile = {};
        w_tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    type_10 starts = {};
    uint i = 0u;
    type_11 acc = {};
    uint j = 0u;
    uint i_1 = {};
    uint k0_ = 0u;
    uint i_2 = {};
    uint at = {};
    metal::float4 w = {};
    uint q = {};
    type_12 w_1 = {};
    uint j_1 = {};
    uint i_3 = {};
    uint j_2 = {};
    uint j_3 = 0u;
    uint i_4 = {};
    bool local_1 = {};
    uint z_4 = group.z;
    uint first_m = group.y * TILE_M;
    uint first_n = group.x * TILE_N;
    uint _e11 = params.bias;
    uint _e14 = params.weights_stride;
    uint bias_1 = _e11 + (z_4 * _e14);
    uint _e19 = params.weights;
    uint _e22 = params.weights_stride;
    uint first_weight = _e19 + (z_4 * _e22);
    uint local_n = naga_mod(local, INVOCATIONS_N);
    uint local_m = naga_div(local, INVOCATIONS_N) * M_PER_INVOCATION;
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e54 = i;
            i = _e54 + 1u;
        }
        loop_init = false;
        uint _e34 = i;
        if (_e34 < A_LOADS) {
        } else {
            break;
        }
        {
            uint _e37 = i;
            uint m_3 = first_m + naga_div(local + (_e37 * INVOCATIONS), QUADS_K);
            uint _e44 = i;
            uint _e48 = params.rows;
            uint _e52 = row_start(metal::min(m_3, _e48 - 1u), z_4, params);
            starts.inner[_e44] = _e52;
        }
    }
    uint2 loop_bound_1 = uint2(4294967295u);
    bool loop_init_1 = true;
    while(true) {
        if (metal::all(loop_bound_1 == uint2(0u))) { break; }
        loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
        if (!loop_init_1) {
            uint _e92 = j;
            j = _e92 + 1u;
        }
        loop_init_1 = false;
        uint _e59 = j;
        if (_e59 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e63 = j;
            uint _e69 = params.columns;
            uint n_2 = metal::min((first_n + local_n) + (_e63 * INVOCATIONS_N), _e69 - 1u);
            i_1 = 0u;
            uint2 loop_bound_2 = uint2(4294967295u);
            bool loop_init_2 = true;
            while(true) {
                if (metal::all(loop_bound_2 == uint2(0u))) { break; }
                loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
                if (!loop_init_2) {
                    uint _e89 = i_1;
                    i_1 = _e89 + 1u;
                }
                loop_init_2 = false;
                uint _e75 = i_1;
                if (_e75 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e78 = j;
                    uint _e81 = i_1;
                    uint _e85 = i_1;
                    metal::float4 _e87 = start_value((first_m + local_m) + _e85, n_2, z_4, bias_1, weights, _buffer_sizes);
                    acc.inner[(_e78 * M_PER_INVOCATION) + _e81] = _e87;
                }
            }
        }
    }
    uint _e99 = params.columns;
    uint column_2 = metal::min(first_n + naga_mod(local, TILE_N), _e99 - 1u);
    uint _e105 = params.columns;
    Gates _e106 = load_scale(first_weight, _e105, column_2);
    uint2 loop_bound_3 = uint2(4294967295u);
    bool loop_init_3 = true;
    while(true) {
        if (metal::all(loop_bound_3 == uint2(0u))) { break; }
        loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
        if (!loop_init_3) {
            uint _e324 = k0_;
            k0_ = _e324 + TILE_K;
        }
        loop_init_3 = false;
        uint _e109 = k0_;
        uint _e112 = params.inner;
        if (_e109 < _e112) {
        } else {
            break;
        }
        {
            i_2 = 0u;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e136 = i_2;
                    i_2 = _e136 + 1u;
                }
                loop_init_4 = false;
                uint _e116 = i_2;
                if (_e116 < A_LOADS) {
                } else {
                    break;
                }
                {
                    uint _e119 = i_2;
                    uint at_1 = local + (_e119 * INVOCATIONS);
                    uint _e125 = i_2;
                    uint _e127 = starts.inner[_e125];
                    uint _e128 = k0_;
                    metal::float4 _e134 = load_a_quad(_e127, _e128 + (4u * naga_mod(at_1, QUADS_K)), params, a, _buffer_sizes);
                    a_tile.inner[at_1] = _e134;
                }
            }
            at = local;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e165 = at;
                    at = _e165 + INVOCATIONS;
                }
                loop_init_5 = false;
                uint _e139 = at;
                if (_e139 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e142 = k0_;
                    uint _e143 = at;
                    uint k_1 = _e142 + naga_div(_e143, TILE_N);
                    w = metal::float4 {};
                    uint _e151 = params.inner;
                    if (k_1 < _e151) {
                        uint _e155 = params.columns;
                        Gates _e159 = load_packed((first_weight + (k_1 * _e155)) + column_2, weights, _buffer_sizes);
                        Gates _e160 = unpacked(_e159, _e106);
                        w = _e160;
                    }
                    uint _e162 = at;
                    metal::float4 _e164 = w;
                    w_tile.inner[_e162] = _e164;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            q = 0u;
            uint2 loop_bound_6 = uint2(4294967295u);
            bool loop_init_6 = true;
            while(true) {
                if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                if (!loop_init_6) {
                    uint _e322 = q;
                    q = _e322 + 1u;
                }
                loop_init_6 = false;
                uint _e170 = q;
                if (_e170 < QUADS_K) {
                } else {
                    break;
                }
                {
                    w_1 = type_12 {};
                    j_1 = 0u;
                    uint2 loop_bound_7 = uint2(4294967295u);
                    bool loop_init_7 = true;
                    while(true) {
                        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
                        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
                        if (!loop_init_7) {
                            uint _e249 = j_1;
                            j_1 = _e249 + 1u;
                        }
                        loop_init_7 = false;
                        uint _e177 = j_1;
                        if (_e177 < N_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e180 = j_1;
                            uint n_3 = local_n + (_e180 * INVOCATIONS_N);
                            uint _e185 = j_1;
                            uint _e190 = q;
                            metal::float4 _e196 = w_tile.inner[((4u * _e190) * TILE_N) + n_3];
                            w_1.inner[4u * _e185] = _e196;
                            uint _e198 = j_1;
                            uint _e205 = q;
                            metal::float4 _e213 = w_tile.inner[(((4u * _e205) + 1u) * TILE_N) + n_3];
                            w_1.inner[(4u * _e198) + 1u] = _e213;
                            uint _e215 = j_1;
                            uint _e222 = q;
                            metal::float4 _e230 = w_tile.inner[(((4u * _e222) + 2u) * TILE_N) + n_3];
                            w_1.inner[(4u * _e215) + 2u] = _e230;
                            uint _e232 = j_1;
                            uint _e239 = q;
                            metal::float4 _e247 = w_tile.inner[(((4u * _e239) + 3u) * TILE_N) + n_3];
                            w_1.inner[(4u * _e232) + 3u] = _e247;
                        }
                    }
                    i_3 = 0u;
                    uint2 loop_bound_8 = uint2(4294967295u);
                    bool loop_init_8 = true;
                    while(true) {
                        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                        if (!loop_init_8) {
                            uint _e319 = i_3;
                            i_3 = _e319 + 1u;
                        }
                        loop_init_8 = false;
                        uint _e253 = i_3;
                        if (_e253 < M_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e257 = i_3;
                            uint _e261 = q;
                            metal::float4 v = a_tile.inner[((local_m + _e257) * QUADS_K) + _e261];
                            j_2 = 0u;
                            uint2 loop_bound_9 = uint2(4294967295u);
                            bool loop_init_9 = true;
                            while(true) {
                                if (metal::all(loop_bound_9 == uint2(0u))) { break; }
                                loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
                                if (!loop_init_9) {
                                    uint _e316 = j_2;
                                    j_2 = _e316 + 1u;
                                }
                                loop_init_9 = false;
                                uint _e267 = j_2;
                                if (_e267 < N_PER_INVOCATION) {
                                } else {
                                    break;
                                }
                                {
                                    uint _e270 = j_2;
                                    uint _e273 = i_3;
                                    metal::float4 _e276 = acc.inner[(_e270 * M_PER_INVOCATION) + _e273];
                                    uint _e279 = j_2;
                                    metal::float4 _e282 = w_1.inner[4u * _e279];
                                    uint _e286 = j_2;
                                    metal::float4 _e291 = w_1.inner[(4u * _e286) + 1u];
                                    uint _e296 = j_2;
                                    metal::float4 _e301 = w_1.inner[(4u * _e296) + 2u];
                                    uint _e306 = j_2;
                                    metal::float4 _e311 = w_1.inner[(4u * _e306) + 3u];
                                    acc.inner[(_e270 * M_PER_INVOCATION) + _e273] = _e276 + ((((v.x * _e282) + (v.y * _e291)) + (v.z * _e301)) + (v.w * _e311));
                                }
                            }
                        }
                    }
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    uint2 loop_bound_10 = uint2(4294967295u);
    bool loop_init_10 = true;
    while(true) {
        if (metal::all(loop_bound_10 == uint2(0u))) { break; }
        loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
        if (!loop_init_10) {
            uint _e368 = j_3;
            j_3 = _e368 + 1u;
        }
        loop_init_10 = false;
        uint _e329 = j_3;
        if (_e329 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e333 = j_3;
            uint n_4 = (first_n + local_n) + (_e333 * INVOCATIONS_N);
            i_4 = 0u;
            uint2 loop_bound_11 = uint2(4294967295u);
            bool loop_init_11 = true;
            while(true) {
                if (metal::all(loop_bound_11 == uint2(0u))) { break; }
                loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
                if (!loop_init_11) {
                    uint _e365 = i_4;
                    i_4 = _e365 + 1u;
                }
                loop_init_11 = false;
                uint _e339 = i_4;
                if (_e339 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e343 = i_4;
                    uint m_4 = (first_m + local_m) + _e343;
                    uint _e347 = params.rows;
                    if (m_4 < _e347) {
                        uint _e353 = params.columns;
                        local_1 = n_4 < _e353;
                    } else {
                        local_1 = false;
                    }
                    bool _e356 = local_1;
                    if (_e356) {
                        uint _e357 = j_3;
                        uint _e360 = i_4;
                        metal::float4 _e363 = acc.inner[(_e357 * M_PER_INVOCATION) + _e360];
                        store(m_4, n_4, z_4, _e363, params, pre, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}
