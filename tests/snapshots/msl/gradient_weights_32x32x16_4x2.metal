// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
};

struct GradientParams {
    uint rows;
    uint inner;
    uint columns;
    uint batch;
    uint d_row;
    uint first_step;
    uint seq_len;
    uint chunk;
    uint a_first;
    uint stride_t;
    uint stride_b;
    uint stride_z;
    uint weights;
    uint weights_stride;
    uint reverse;
    uint num_slices;
    uint slice;
    uint ones;
    uint d_first;
    uint kept_lanes;
    uint accumulate;
};
typedef float type_3[1];
typedef metal::float4 type_6[1];
struct type_7 {
    metal::float4 inner[128];
};
struct type_8 {
    metal::float4 inner[512];
};
struct type_10 {
    metal::float4 inner[8];
};
struct type_11 {
    metal::float4 inner[2];
};
constant uint TILE_M = 32u;
constant uint TILE_N = 32u;
constant uint TILE_K = 16u;
constant uint M_PER_INVOCATION = 4u;
constant uint N_PER_INVOCATION = 2u;
constant uint QUADS_M = 8u;
constant uint INVOCATIONS_N = 16u;
constant uint INVOCATIONS = 128u;

uint d_pre_at(
    uint m,
    uint z,
    device GradientParams const& params
) {
    uint _e4 = params.d_first;
    uint _e7 = params.d_row;
    uint _e11 = params.num_slices;
    uint _e16 = params.columns;
    return _e4 + ((((_e7 + m) * _e11) + z) * _e16);
}

uint length_of(
    uint row,
    device GradientParams const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

uint time_of(
    uint step,
    uint row_1,
    uint z_1,
    device GradientParams const& params
) {
    bool local_2 = {};
    uint _e3 = length_of(row_1, params);
    uint _e6 = params.reverse;
    bool is_reverse = ((_e6 >> z_1) & 1u) != 0u;
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
    uint m_1,
    uint z_2,
    device GradientParams const& params
) {
    uint _e4 = params.first_step;
    uint _e7 = params.batch;
    uint step_1 = _e4 + naga_div(m_1, _e7);
    uint _e12 = params.batch;
    uint row_2 = naga_mod(m_1, _e12);
    uint _e16 = params.a_first;
    uint _e17 = time_of(step_1, row_2, z_2, params);
    uint _e20 = params.stride_t;
    uint _e25 = params.stride_b;
    uint _e30 = params.stride_z;
    return ((_e16 + (_e17 * _e20)) + (row_2 * _e25)) + (z_2 * _e30);
}

metal::float4 keep_lanes(
    uint kept,
    metal::float4 before,
    metal::float4 value
) {
    return metal::select(value, before, (metal::uint4(kept) & metal::uint4(1u, 2u, 4u, 8u)) != metal::uint4 {});
}

float operand(
    uint start,
    uint m_2,
    device GradientParams const& params,
    device type_3 const& a,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e4 = params.ones;
    if (m_2 < _e4) {
        return 1.0;
    }
    uint _e9 = params.ones;
    uint _e13 = params.inner;
    if ((m_2 - _e9) < _e13) {
        uint _e19 = params.ones;
        float _e22 = a[(start + m_2) - _e19];
        return _e22;
    }
    return 0.0;
}

metal::float4 operand_quad(
    uint k_1,
    uint z_3,
    uint m_3,
    device GradientParams const& params,
    device type_3 const& a,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = params.first_step;
    uint _e8 = params.batch;
    uint _e13 = params.batch;
    uint _e15 = length_of(naga_mod(k_1, _e13), params);
    if ((_e5 + naga_div(k_1, _e8)) >= _e15) {
        return metal::float4 {};
    }
    uint _e18 = row_start(k_1, z_3, params);
    float _e19 = operand(_e18, m_3, params, a, _buffer_sizes);
    float _e22 = operand(_e18, m_3 + 1u, params, a, _buffer_sizes);
    float _e25 = operand(_e18, m_3 + 2u, params, a, _buffer_sizes);
    float _e28 = operand(_e18, m_3 + 3u, params, a, _buffer_sizes);
    return metal::float4(_e19, _e22, _e25, _e28);
}

struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, device GradientParams const& params [[user(fake0)]]
, device type_3 const& a [[user(fake0)]]
, device type_6 const& d_pre [[user(fake0)]]
, device type_6& d_weights [[user(fake0)]]
, threadgroup type_7& a_tile
, threadgroup type_8& d_tile
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        a_tile = {};
        d_tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    type_10 acc = {};
    uint j = 0u;
    uint i = {};
    uint k0_ = 0u;
    uint at = {};
    metal::float4 quad_ = {};
    uint at_1 = {};
    metal::float4 d = {};
    uint k = {};
    type_11 d_1 = {};
    uint j_1 = {};
    uint i_1 = {};
    uint j_2 = {};
    uint j_3 = 0u;
    uint i_2 = {};
    bool local_1 = {};
    metal::float4 sum = {};
    uint z_4 = group.z;
    uint first_m = group.y * TILE_M;
    uint first_n = group.x * TILE_N;
    uint local_n = naga_mod(local, INVOCATIONS_N);
    uint local_m = naga_div(local, INVOCATIONS_N) * M_PER_INVOCATION;
    uint _e17 = params.ones;
    uint _e20 = params.inner;
    uint num_rows = _e17 + _e20;
    uint _e24 = params.weights;
    uint _e27 = params.weights_stride;
    uint first_weight = _e24 + (z_4 * _e27);
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e82 = j;
            j = _e82 + 1u;
        }
        loop_init = false;
        uint _e33 = j;
        if (_e33 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e37 = j;
            uint _e43 = params.columns;
            uint n = metal::min((first_n + local_n) + (_e37 * INVOCATIONS_N), _e43 - 1u);
            i = 0u;
            uint2 loop_bound_1 = uint2(4294967295u);
            bool loop_init_1 = true;
            while(true) {
                if (metal::all(loop_bound_1 == uint2(0u))) { break; }
                loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
                if (!loop_init_1) {
                    uint _e79 = i;
                    i = _e79 + 1u;
                }
                loop_init_1 = false;
                uint _e49 = i;
                if (_e49 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e53 = i;
                    uint m_4 = metal::min((first_m + local_m) + _e53, num_rows - 1u);
                    uint _e60 = params.accumulate;
                    if (_e60 == 1u) {
                        uint _e63 = j;
                        uint _e66 = i;
                        uint _e72 = params.columns;
                        metal::float4 _e77 = d_weights[(first_weight + (m_4 * _e72)) + n];
                        acc.inner[(_e63 * M_PER_INVOCATION) + _e66] = _e77;
                    }
                }
            }
        }
    }
    uint2 loop_bound_2 = uint2(4294967295u);
    bool loop_init_2 = true;
    while(true) {
        if (metal::all(loop_bound_2 == uint2(0u))) { break; }
        loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
        if (!loop_init_2) {
            uint _e285 = k0_;
            k0_ = _e285 + TILE_K;
        }
        loop_init_2 = false;
        uint _e86 = k0_;
        uint _e89 = params.rows;
        if (_e86 < _e89) {
        } else {
            break;
        }
        {
            at = local;
            uint2 loop_bound_3 = uint2(4294967295u);
            bool loop_init_3 = true;
            while(true) {
                if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                if (!loop_init_3) {
                    uint _e123 = at;
                    at = _e123 + INVOCATIONS;
                }
                loop_init_3 = false;
                uint _e92 = at;
                if (_e92 < 128u) {
                } else {
                    break;
                }
                {
                    uint _e95 = k0_;
                    uint _e96 = at;
                    uint k_2 = _e95 + naga_div(_e96, QUADS_M);
                    quad_ = metal::float4 {};
                    uint _e104 = params.rows;
                    if (k_2 < _e104) {
                        uint _e108 = params.rows;
                        uint _e113 = at;
                        metal::float4 _e118 = operand_quad((_e108 - 1u) - k_2, z_4, first_m + (4u * naga_mod(_e113, QUADS_M)), params, a, _buffer_sizes);
                        quad_ = _e118;
                    }
                    uint _e120 = at;
                    metal::float4 _e122 = quad_;
                    a_tile.inner[_e120] = _e122;
                }
            }
            at_1 = local;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e166 = at_1;
                    at_1 = _e166 + INVOCATIONS;
                }
                loop_init_4 = false;
                uint _e127 = at_1;
                if (_e127 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e130 = k0_;
                    uint _e131 = at_1;
                    uint k_3 = _e130 + naga_div(_e131, TILE_N);
                    uint _e135 = at_1;
                    uint _e141 = params.columns;
                    uint n_1 = metal::min(first_n + naga_mod(_e135, TILE_N), _e141 - 1u);
                    d = metal::float4 {};
                    uint _e149 = params.rows;
                    if (k_3 < _e149) {
                        uint _e154 = params.rows;
                        uint _e158 = d_pre_at((_e154 - 1u) - k_3, z_4, params);
                        metal::float4 _e161 = d_pre[_e158 + n_1];
                        d = _e161;
                    }
                    uint _e163 = at_1;
                    metal::float4 _e165 = d;
                    d_tile.inner[_e163] = _e165;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            k = 0u;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e283 = k;
                    k = _e283 + 1u;
                }
                loop_init_5 = false;
                uint _e171 = k;
                if (_e171 < TILE_K) {
                } else {
                    break;
                }
                {
                    d_1 = type_11 {};
                    j_1 = 0u;
                    uint2 loop_bound_6 = uint2(4294967295u);
                    bool loop_init_6 = true;
                    while(true) {
                        if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                        loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                        if (!loop_init_6) {
                            uint _e195 = j_1;
                            j_1 = _e195 + 1u;
                        }
                        loop_init_6 = false;
                        uint _e178 = j_1;
                        if (_e178 < N_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e181 = j_1;
                            uint _e184 = k;
                            uint _e188 = j_1;
                            metal::float4 _e193 = d_tile.inner[((_e184 * TILE_N) + local_n) + (_e188 * INVOCATIONS_N)];
                            d_1.inner[_e181] = _e193;
                        }
                    }
                    i_1 = 0u;
                    uint2 loop_bound_7 = uint2(4294967295u);
                    bool loop_init_7 = true;
                    while(true) {
                        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
                        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
                        if (!loop_init_7) {
                            uint _e279 = i_1;
                            i_1 = _e279 + 4u;
                        }
                        loop_init_7 = false;
                        uint _e199 = i_1;
                        if (_e199 < M_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e203 = k;
                            uint _e206 = i_1;
                            metal::float4 v = a_tile.inner[(_e203 * QUADS_M) + naga_div(local_m + _e206, 4u)];
                            j_2 = 0u;
                            uint2 loop_bound_8 = uint2(4294967295u);
                            bool loop_init_8 = true;
                            while(true) {
                                if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                                loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                                if (!loop_init_8) {
                                    uint _e277 = j_2;
                                    j_2 = _e277 + 1u;
                                }
                                loop_init_8 = false;
                                uint _e215 = j_2;
                                if (_e215 < N_PER_INVOCATION) {
                                } else {
                                    break;
                                }
                                {
                                    uint _e218 = j_2;
                                    uint _e221 = i_1;
                                    metal::float4 _e224 = acc.inner[(_e218 * M_PER_INVOCATION) + _e221];
                                    uint _e226 = j_2;
                                    metal::float4 _e228 = d_1.inner[_e226];
                                    acc.inner[(_e218 * M_PER_INVOCATION) + _e221] = _e224 + (v.x * _e228);
                                    uint _e231 = j_2;
                                    uint _e234 = i_1;
                                    metal::float4 _e239 = acc.inner[((_e231 * M_PER_INVOCATION) + _e234) + 1u];
                                    uint _e241 = j_2;
                                    metal::float4 _e243 = d_1.inner[_e241];
                                    acc.inner[((_e231 * M_PER_INVOCATION) + _e234) + 1u] = _e239 + (v.y * _e243);
                                    uint _e246 = j_2;
                                    uint _e249 = i_1;
                                    metal::float4 _e254 = acc.inner[((_e246 * M_PER_INVOCATION) + _e249) + 2u];
                                    uint _e256 = j_2;
                                    metal::float4 _e258 = d_1.inner[_e256];
                                    acc.inner[((_e246 * M_PER_INVOCATION) + _e249) + 2u] = _e254 + (v.z * _e258);
                                    uint _e261 = j_2;
                                    uint _e264 = i_1;
                                    metal::float4 _e269 = acc.inner[((_e261 * M_PER_INVOCATION) + _e264) + 3u];
                                    uint _e271 = j_2;
                                    metal::float4 _e273 = d_1.inner[_e271];
                                    acc.inner[((_e261 * M_PER_INVOCATION) + _e264) + 3u] = _e269 + (v.w * _e273);
                                }
                            }
                        }
                    }
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    uint2 loop_bound_9 = uint2(4294967295u);
    bool loop_init_9 = true;
    while(true) {
        if (metal::all(loop_bound_9 == uint2(0u))) { break; }
        loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
        if (!loop_init_9) {
            uint _e349 = j_3;
            j_3 = _e349 + 1u;
        }
        loop_init_9 = false;
        uint _e290 = j_3;
        if (_e290 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e294 = j_3;
            uint n_2 = (first_n + local_n) + (_e294 * INVOCATIONS_N);
            i_2 = 0u;
            uint2 loop_bound_10 = uint2(4294967295u);
            bool loop_init_10 = true;
            while(true) {
                if (metal::all(loop_bound_10 == uint2(0u))) { break; }
                loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
                if (!loop_init_10) {
                    uint _e346 = i_2;
                    i_2 = _e346 + 1u;
                }
                loop_init_10 = false;
                uint _e300 = i_2;
                if (_e300 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e304 = i_2;
                    uint m_5 = (first_m + local_m) + _e304;
                    if (m_5 < num_rows) {
                        uint _e311 = params.columns;
                        local_1 = n_2 < _e311;
                    } else {
                        local_1 = false;
                    }
                    bool _e314 = local_1;
                    if (_e314) {
                        uint _e317 = params.columns;
                        uint at_2 = (first_weight + (m_5 * _e317)) + n_2;
                        uint _e321 = j_3;
                        uint _e324 = i_2;
                        metal::float4 _e327 = acc.inner[(_e321 * M_PER_INVOCATION) + _e324];
                        sum = _e327;
                        uint _e331 = params.kept_lanes;
                        if (_e331 != 0u) {
                            uint _e336 = params.kept_lanes;
                            metal::float4 _e339 = d_weights[at_2];
                            metal::float4 _e340 = sum;
                            metal::float4 _e341 = keep_lanes(_e336, _e339, _e340);
                            sum = _e341;
                        }
                        metal::float4 _e344 = sum;
                        d_weights[at_2] = _e344;
                    }
                }
            }
        }
    }
    return;
}
