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
constant uint BY_STEP = 0u;
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
    bool local_3 = {};
    uint _e3 = length_of(row_1, params);
    uint _e6 = params.reverse;
    bool is_reverse = ((_e6 >> z_1) & 1u) != 0u;
    if (is_reverse) {
        local_3 = step < _e3;
    } else {
        local_3 = false;
    }
    bool _e19 = local_3;
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
    type_10 done = {};
    type_10 acc = {};
    uint j = 0u;
    uint i = {};
    uint k0_ = 0u;
    uint at = {};
    metal::float4 quad_ = {};
    uint at_1 = {};
    metal::float4 d = {};
    uint k = {};
    bool local_1 = {};
    uint i_1 = {};
    type_11 d_1 = {};
    uint j_1 = {};
    uint i_2 = {};
    uint j_2 = {};
    uint j_3 = 0u;
    uint i_3 = {};
    bool local_2 = {};
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
            uint _e83 = j;
            j = _e83 + 1u;
        }
        loop_init = false;
        uint _e34 = j;
        if (_e34 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e38 = j;
            uint _e44 = params.columns;
            uint n = metal::min((first_n + local_n) + (_e38 * INVOCATIONS_N), _e44 - 1u);
            i = 0u;
            uint2 loop_bound_1 = uint2(4294967295u);
            bool loop_init_1 = true;
            while(true) {
                if (metal::all(loop_bound_1 == uint2(0u))) { break; }
                loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
                if (!loop_init_1) {
                    uint _e80 = i;
                    i = _e80 + 1u;
                }
                loop_init_1 = false;
                uint _e50 = i;
                if (_e50 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e54 = i;
                    uint m_4 = metal::min((first_m + local_m) + _e54, num_rows - 1u);
                    uint _e61 = params.accumulate;
                    if (_e61 == 1u) {
                        uint _e64 = j;
                        uint _e67 = i;
                        uint _e73 = params.columns;
                        metal::float4 _e78 = d_weights[(first_weight + (m_4 * _e73)) + n];
                        acc.inner[(_e64 * M_PER_INVOCATION) + _e67] = _e78;
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
            uint _e318 = k0_;
            k0_ = _e318 + TILE_K;
        }
        loop_init_2 = false;
        uint _e87 = k0_;
        uint _e90 = params.rows;
        if (_e87 < _e90) {
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
                    uint _e124 = at;
                    at = _e124 + INVOCATIONS;
                }
                loop_init_3 = false;
                uint _e93 = at;
                if (_e93 < 128u) {
                } else {
                    break;
                }
                {
                    uint _e96 = k0_;
                    uint _e97 = at;
                    uint k_2 = _e96 + naga_div(_e97, QUADS_M);
                    quad_ = metal::float4 {};
                    uint _e105 = params.rows;
                    if (k_2 < _e105) {
                        uint _e109 = params.rows;
                        uint _e114 = at;
                        metal::float4 _e119 = operand_quad((_e109 - 1u) - k_2, z_4, first_m + (4u * naga_mod(_e114, QUADS_M)), params, a, _buffer_sizes);
                        quad_ = _e119;
                    }
                    uint _e121 = at;
                    metal::float4 _e123 = quad_;
                    a_tile.inner[_e121] = _e123;
                }
            }
            at_1 = local;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e167 = at_1;
                    at_1 = _e167 + INVOCATIONS;
                }
                loop_init_4 = false;
                uint _e128 = at_1;
                if (_e128 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e131 = k0_;
                    uint _e132 = at_1;
                    uint k_3 = _e131 + naga_div(_e132, TILE_N);
                    uint _e136 = at_1;
                    uint _e142 = params.columns;
                    uint n_1 = metal::min(first_n + naga_mod(_e136, TILE_N), _e142 - 1u);
                    d = metal::float4 {};
                    uint _e150 = params.rows;
                    if (k_3 < _e150) {
                        uint _e155 = params.rows;
                        uint _e159 = d_pre_at((_e155 - 1u) - k_3, z_4, params);
                        metal::float4 _e162 = d_pre[_e159 + n_1];
                        d = _e162;
                    }
                    uint _e164 = at_1;
                    metal::float4 _e166 = d;
                    d_tile.inner[_e164] = _e166;
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
                    uint _e316 = k;
                    k = _e316 + 1u;
                }
                loop_init_5 = false;
                uint _e172 = k;
                if (_e172 < TILE_K) {
                } else {
                    break;
                }
                {
                    if (false) {
                        uint _e178 = k0_;
                        uint _e179 = k;
                        uint _e183 = params.batch;
                        local_1 = naga_mod(_e178 + _e179, _e183) == 0u;
                    } else {
                        local_1 = false;
                    }
                    bool _e188 = local_1;
                    if (_e188) {
                        i_1 = 0u;
                        uint2 loop_bound_6 = uint2(4294967295u);
                        bool loop_init_6 = true;
                        while(true) {
                            if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                            loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                            if (!loop_init_6) {
                                uint _e205 = i_1;
                                i_1 = _e205 + 1u;
                            }
                            loop_init_6 = false;
                            uint _e191 = i_1;
                            if (_e191 < 8u) {
                            } else {
                                break;
                            }
                            {
                                uint _e194 = i_1;
                                metal::float4 _e196 = done.inner[_e194];
                                uint _e197 = i_1;
                                metal::float4 _e199 = acc.inner[_e197];
                                done.inner[_e194] = _e196 + _e199;
                                uint _e201 = i_1;
                                acc.inner[_e201] = metal::float4 {};
                            }
                        }
                    }
                    d_1 = type_11 {};
                    j_1 = 0u;
                    uint2 loop_bound_7 = uint2(4294967295u);
                    bool loop_init_7 = true;
                    while(true) {
                        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
                        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
                        if (!loop_init_7) {
                            uint _e228 = j_1;
                            j_1 = _e228 + 1u;
                        }
                        loop_init_7 = false;
                        uint _e211 = j_1;
                        if (_e211 < N_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e214 = j_1;
                            uint _e217 = k;
                            uint _e221 = j_1;
                            metal::float4 _e226 = d_tile.inner[((_e217 * TILE_N) + local_n) + (_e221 * INVOCATIONS_N)];
                            d_1.inner[_e214] = _e226;
                        }
                    }
                    i_2 = 0u;
                    uint2 loop_bound_8 = uint2(4294967295u);
                    bool loop_init_8 = true;
                    while(true) {
                        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                        if (!loop_init_8) {
                            uint _e312 = i_2;
                            i_2 = _e312 + 4u;
                        }
                        loop_init_8 = false;
                        uint _e232 = i_2;
                        if (_e232 < M_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e236 = k;
                            uint _e239 = i_2;
                            metal::float4 v = a_tile.inner[(_e236 * QUADS_M) + naga_div(local_m + _e239, 4u)];
                            j_2 = 0u;
                            uint2 loop_bound_9 = uint2(4294967295u);
                            bool loop_init_9 = true;
                            while(true) {
                                if (metal::all(loop_bound_9 == uint2(0u))) { break; }
                                loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
                                if (!loop_init_9) {
                                    uint _e310 = j_2;
                                    j_2 = _e310 + 1u;
                                }
                                loop_init_9 = false;
                                uint _e248 = j_2;
                                if (_e248 < N_PER_INVOCATION) {
                                } else {
                                    break;
                                }
                                {
                                    uint _e251 = j_2;
                                    uint _e254 = i_2;
                                    metal::float4 _e257 = acc.inner[(_e251 * M_PER_INVOCATION) + _e254];
                                    uint _e259 = j_2;
                                    metal::float4 _e261 = d_1.inner[_e259];
                                    acc.inner[(_e251 * M_PER_INVOCATION) + _e254] = _e257 + (v.x * _e261);
                                    uint _e264 = j_2;
                                    uint _e267 = i_2;
                                    metal::float4 _e272 = acc.inner[((_e264 * M_PER_INVOCATION) + _e267) + 1u];
                                    uint _e274 = j_2;
                                    metal::float4 _e276 = d_1.inner[_e274];
                                    acc.inner[((_e264 * M_PER_INVOCATION) + _e267) + 1u] = _e272 + (v.y * _e276);
                                    uint _e279 = j_2;
                                    uint _e282 = i_2;
                                    metal::float4 _e287 = acc.inner[((_e279 * M_PER_INVOCATION) + _e282) + 2u];
                                    uint _e289 = j_2;
                                    metal::float4 _e291 = d_1.inner[_e289];
                                    acc.inner[((_e279 * M_PER_INVOCATION) + _e282) + 2u] = _e287 + (v.z * _e291);
                                    uint _e294 = j_2;
                                    uint _e297 = i_2;
                                    metal::float4 _e302 = acc.inner[((_e294 * M_PER_INVOCATION) + _e297) + 3u];
                                    uint _e304 = j_2;
                                    metal::float4 _e306 = d_1.inner[_e304];
                                    acc.inner[((_e294 * M_PER_INVOCATION) + _e297) + 3u] = _e302 + (v.w * _e306);
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
            uint _e390 = j_3;
            j_3 = _e390 + 1u;
        }
        loop_init_10 = false;
        uint _e323 = j_3;
        if (_e323 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e327 = j_3;
            uint n_2 = (first_n + local_n) + (_e327 * INVOCATIONS_N);
            i_3 = 0u;
            uint2 loop_bound_11 = uint2(4294967295u);
            bool loop_init_11 = true;
            while(true) {
                if (metal::all(loop_bound_11 == uint2(0u))) { break; }
                loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
                if (!loop_init_11) {
                    uint _e387 = i_3;
                    i_3 = _e387 + 1u;
                }
                loop_init_11 = false;
                uint _e333 = i_3;
                if (_e333 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e337 = i_3;
                    uint m_5 = (first_m + local_m) + _e337;
                    if (m_5 < num_rows) {
                        uint _e344 = params.columns;
                        local_2 = n_2 < _e344;
                    } else {
                        local_2 = false;
                    }
                    bool _e347 = local_2;
                    if (_e347) {
                        uint _e350 = params.columns;
                        uint at_2 = (first_weight + (m_5 * _e350)) + n_2;
                        uint _e354 = j_3;
                        uint _e357 = i_3;
                        metal::float4 _e360 = done.inner[(_e354 * M_PER_INVOCATION) + _e357];
                        uint _e361 = j_3;
                        uint _e364 = i_3;
                        metal::float4 _e367 = acc.inner[(_e361 * M_PER_INVOCATION) + _e364];
                        sum = _e360 + _e367;
                        uint _e372 = params.kept_lanes;
                        if (_e372 != 0u) {
                            uint _e377 = params.kept_lanes;
                            metal::float4 _e380 = d_weights[at_2];
                            metal::float4 _e381 = sum;
                            metal::float4 _e382 = keep_lanes(_e377, _e380, _e381);
                            sum = _e382;
                        }
                        metal::float4 _e385 = sum;
                        d_weights[at_2] = _e385;
                    }
                }
            }
        }
    }
    return;
}
