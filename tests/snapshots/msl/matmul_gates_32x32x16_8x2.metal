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
    uint stride_t;
    uint stride_b;
    uint weights;
    uint weights_stride;
    uint reverse;
    uint num_slices;
};
typedef metal::float4 type_5[1];
typedef float type_6[1];
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

Gates load_weight(
    uint index,
    device type_2 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e3 = weights[index];
    return _e3;
}

uint length_of(
    uint row,
    device MatmulParams const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

uint time_of(
    uint step,
    uint row_1,
    uint z,
    device MatmulParams const& params
) {
    bool local_2 = {};
    uint _e3 = length_of(row_1, params);
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

void store(
    uint m,
    uint n,
    uint z_1,
    metal::float4 value,
    device MatmulParams const& params,
    device type_5& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e7 = params.num_slices;
    uint _e12 = params.columns;
    x_proj[(((m * _e7) + z_1) * _e12) + n] = value;
    return;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

uint row_start(
    uint m_1,
    uint z_2,
    device MatmulParams const& params
) {
    uint _e4 = params.first_step;
    uint _e7 = params.batch;
    uint step_1 = _e4 + naga_div(m_1, _e7);
    uint _e12 = params.batch;
    uint row_2 = naga_mod(m_1, _e12);
    uint _e14 = time_of(step_1, row_2, z_2, params);
    uint _e17 = params.stride_t;
    uint _e21 = params.stride_b;
    return (_e14 * _e17) + (row_2 * _e21);
}

metal::float4 load_a_quad(
    uint start,
    uint k,
    device MatmulParams const& params,
    device type_6 const& a,
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
, device type_5& x_proj [[user(fake0)]]
, device type_6 const& a [[user(fake0)]]
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
    uint z_3 = group.z;
    uint first_m = group.y * TILE_M;
    uint first_n = group.x * TILE_N;
    uint _e11 = params.weights;
    uint _e14 = params.weights_stride;
    uint bias = _e11 + (z_3 * _e14);
    uint local_n = naga_mod(local, INVOCATIONS_N);
    uint local_m = naga_div(local, INVOCATIONS_N) * M_PER_INVOCATION;
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e46 = i;
            i = _e46 + 1u;
        }
        loop_init = false;
        uint _e26 = i;
        if (_e26 < A_LOADS) {
        } else {
            break;
        }
        {
            uint _e29 = i;
            uint m_2 = first_m + naga_div(local + (_e29 * INVOCATIONS), QUADS_K);
            uint _e36 = i;
            uint _e40 = params.rows;
            uint _e44 = row_start(metal::min(m_2, _e40 - 1u), z_3, params);
            starts.inner[_e36] = _e44;
        }
    }
    uint2 loop_bound_1 = uint2(4294967295u);
    bool loop_init_1 = true;
    while(true) {
        if (metal::all(loop_bound_1 == uint2(0u))) { break; }
        loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
        if (!loop_init_1) {
            uint _e82 = j;
            j = _e82 + 1u;
        }
        loop_init_1 = false;
        uint _e51 = j;
        if (_e51 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e55 = j;
            uint _e61 = params.columns;
            uint n_1 = metal::min((first_n + local_n) + (_e55 * INVOCATIONS_N), _e61 - 1u);
            Gates _e66 = load_weight(bias + n_1, weights, _buffer_sizes);
            i_1 = 0u;
            uint2 loop_bound_2 = uint2(4294967295u);
            bool loop_init_2 = true;
            while(true) {
                if (metal::all(loop_bound_2 == uint2(0u))) { break; }
                loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
                if (!loop_init_2) {
                    uint _e79 = i_1;
                    i_1 = _e79 + 1u;
                }
                loop_init_2 = false;
                uint _e69 = i_1;
                if (_e69 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e72 = j;
                    uint _e75 = i_1;
                    acc.inner[(_e72 * M_PER_INVOCATION) + _e75] = _e66;
                }
            }
        }
    }
    uint2 loop_bound_3 = uint2(4294967295u);
    bool loop_init_3 = true;
    while(true) {
        if (metal::all(loop_bound_3 == uint2(0u))) { break; }
        loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
        if (!loop_init_3) {
            uint _e312 = k0_;
            k0_ = _e312 + TILE_K;
        }
        loop_init_3 = false;
        uint _e86 = k0_;
        uint _e89 = params.inner;
        if (_e86 < _e89) {
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
                    uint _e113 = i_2;
                    i_2 = _e113 + 1u;
                }
                loop_init_4 = false;
                uint _e93 = i_2;
                if (_e93 < A_LOADS) {
                } else {
                    break;
                }
                {
                    uint _e96 = i_2;
                    uint at_1 = local + (_e96 * INVOCATIONS);
                    uint _e102 = i_2;
                    uint _e104 = starts.inner[_e102];
                    uint _e105 = k0_;
                    metal::float4 _e111 = load_a_quad(_e104, _e105 + (4u * naga_mod(at_1, QUADS_K)), params, a, _buffer_sizes);
                    a_tile.inner[at_1] = _e111;
                }
            }
            at = local;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e153 = at;
                    at = _e153 + INVOCATIONS;
                }
                loop_init_5 = false;
                uint _e116 = at;
                if (_e116 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e119 = k0_;
                    uint _e120 = at;
                    uint k_1 = _e119 + naga_div(_e120, TILE_N);
                    uint _e124 = at;
                    uint _e130 = params.columns;
                    uint column = metal::min(first_n + naga_mod(_e124, TILE_N), _e130 - 1u);
                    w = metal::float4 {};
                    uint _e138 = params.inner;
                    if (k_1 < _e138) {
                        uint _e144 = params.columns;
                        Gates _e148 = load_weight((bias + ((1u + k_1) * _e144)) + column, weights, _buffer_sizes);
                        w = _e148;
                    }
                    uint _e150 = at;
                    metal::float4 _e152 = w;
                    w_tile.inner[_e150] = _e152;
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
                    uint _e310 = q;
                    q = _e310 + 1u;
                }
                loop_init_6 = false;
                uint _e158 = q;
                if (_e158 < QUADS_K) {
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
                            uint _e237 = j_1;
                            j_1 = _e237 + 1u;
                        }
                        loop_init_7 = false;
                        uint _e165 = j_1;
                        if (_e165 < N_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e168 = j_1;
                            uint n_2 = local_n + (_e168 * INVOCATIONS_N);
                            uint _e173 = j_1;
                            uint _e178 = q;
                            metal::float4 _e184 = w_tile.inner[((4u * _e178) * TILE_N) + n_2];
                            w_1.inner[4u * _e173] = _e184;
                            uint _e186 = j_1;
                            uint _e193 = q;
                            metal::float4 _e201 = w_tile.inner[(((4u * _e193) + 1u) * TILE_N) + n_2];
                            w_1.inner[(4u * _e186) + 1u] = _e201;
                            uint _e203 = j_1;
                            uint _e210 = q;
                            metal::float4 _e218 = w_tile.inner[(((4u * _e210) + 2u) * TILE_N) + n_2];
                            w_1.inner[(4u * _e203) + 2u] = _e218;
                            uint _e220 = j_1;
                            uint _e227 = q;
                            metal::float4 _e235 = w_tile.inner[(((4u * _e227) + 3u) * TILE_N) + n_2];
                            w_1.inner[(4u * _e220) + 3u] = _e235;
                        }
                    }
                    i_3 = 0u;
                    uint2 loop_bound_8 = uint2(4294967295u);
                    bool loop_init_8 = true;
                    while(true) {
                        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                        if (!loop_init_8) {
                            uint _e307 = i_3;
                            i_3 = _e307 + 1u;
                        }
                        loop_init_8 = false;
                        uint _e241 = i_3;
                        if (_e241 < M_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e245 = i_3;
                            uint _e249 = q;
                            metal::float4 v = a_tile.inner[((local_m + _e245) * QUADS_K) + _e249];
                            j_2 = 0u;
                            uint2 loop_bound_9 = uint2(4294967295u);
                            bool loop_init_9 = true;
                            while(true) {
                                if (metal::all(loop_bound_9 == uint2(0u))) { break; }
                                loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
                                if (!loop_init_9) {
                                    uint _e304 = j_2;
                                    j_2 = _e304 + 1u;
                                }
                                loop_init_9 = false;
                                uint _e255 = j_2;
                                if (_e255 < N_PER_INVOCATION) {
                                } else {
                                    break;
                                }
                                {
                                    uint _e258 = j_2;
                                    uint _e261 = i_3;
                                    metal::float4 _e264 = acc.inner[(_e258 * M_PER_INVOCATION) + _e261];
                                    uint _e267 = j_2;
                                    metal::float4 _e270 = w_1.inner[4u * _e267];
                                    uint _e274 = j_2;
                                    metal::float4 _e279 = w_1.inner[(4u * _e274) + 1u];
                                    uint _e284 = j_2;
                                    metal::float4 _e289 = w_1.inner[(4u * _e284) + 2u];
                                    uint _e294 = j_2;
                                    metal::float4 _e299 = w_1.inner[(4u * _e294) + 3u];
                                    acc.inner[(_e258 * M_PER_INVOCATION) + _e261] = _e264 + ((((v.x * _e270) + (v.y * _e279)) + (v.z * _e289)) + (v.w * _e299));
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
            uint _e356 = j_3;
            j_3 = _e356 + 1u;
        }
        loop_init_10 = false;
        uint _e317 = j_3;
        if (_e317 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e321 = j_3;
            uint n_3 = (first_n + local_n) + (_e321 * INVOCATIONS_N);
            i_4 = 0u;
            uint2 loop_bound_11 = uint2(4294967295u);
            bool loop_init_11 = true;
            while(true) {
                if (metal::all(loop_bound_11 == uint2(0u))) { break; }
                loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
                if (!loop_init_11) {
                    uint _e353 = i_4;
                    i_4 = _e353 + 1u;
                }
                loop_init_11 = false;
                uint _e327 = i_4;
                if (_e327 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e331 = i_4;
                    uint m_3 = (first_m + local_m) + _e331;
                    uint _e335 = params.rows;
                    if (m_3 < _e335) {
                        uint _e341 = params.columns;
                        local_1 = n_3 < _e341;
                    } else {
                        local_1 = false;
                    }
                    bool _e344 = local_1;
                    if (_e344) {
                        uint _e345 = j_3;
                        uint _e348 = i_4;
                        metal::float4 _e351 = acc.inner[(_e345 * M_PER_INVOCATION) + _e348];
                        store(m_3, n_3, z_3, _e351, params, x_proj, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}
