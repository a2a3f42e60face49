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
typedef metal::float4 type_5[1];
typedef float type_6[1];
struct type_7 {
    metal::float4 inner[512];
};
struct type_9 {
    float inner[16];
};
struct type_10 {
    metal::float4 inner[4];
};
constant uint TILE_M = 32u;
constant uint TILE_N = 32u;
constant uint TILE_K = 16u;
constant uint M_PER_INVOCATION = 4u;
constant uint N_PER_INVOCATION = 4u;
constant uint INVOCATIONS_N = 8u;
constant uint INVOCATIONS = 64u;

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
    uint row_1,
    device GradientParams const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

uint time_of(
    uint step,
    uint row_2,
    uint z_1,
    device GradientParams const& params
) {
    bool local_2 = {};
    uint _e3 = length_of(row_2, params);
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

bool other_was_here(
    uint step_1,
    uint row_3,
    device GradientParams const& params
) {
    bool local_3 = {};
    bool local_4 = {};
    bool local_5 = {};
    uint _e2 = length_of(row_3, params);
    uint _e5 = params.chunk;
    uint own_chunk = naga_div(step_1, _e5);
    uint _e14 = params.chunk;
    uint other_chunk = naga_div((step_1 < _e2) ? ((_e2 - 1u) - step_1) : step_1, _e14);
    uint _e18 = params.num_slices;
    if (_e18 == 2u) {
        if (!((other_chunk > own_chunk))) {
            if (other_chunk == own_chunk) {
                uint _e32 = params.slice;
                local_5 = _e32 == 1u;
            } else {
                local_5 = false;
            }
            bool _e36 = local_5;
            local_4 = _e36;
        } else {
            local_4 = true;
        }
        bool _e38 = local_4;
        local_3 = _e38;
    } else {
        local_3 = false;
    }
    bool _e40 = local_3;
    return _e40;
}
uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, device type_2 const& weights [[user(fake0)]]
, device GradientParams const& params [[user(fake0)]]
, device type_5 const& d_pre [[user(fake0)]]
, device type_6& d_x [[user(fake0)]]
, threadgroup type_7& d_tile
, threadgroup type_7& w_tile
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        d_tile = {};
        w_tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    type_9 acc = {};
    uint k0_ = 0u;
    uint at = {};
    metal::float4 d = {};
    uint at_1 = {};
    metal::float4 w = {};
    uint k = {};
    type_10 w_1 = {};
    uint j = {};
    uint i = {};
    uint j_1 = {};
    uint i_1 = 0u;
    uint j_2 = {};
    bool local_1 = {};
    uint z_2 = params.slice;
    uint first_m = group.y * TILE_M;
    uint first_n = group.x * TILE_N;
    uint local_n = naga_mod(local, INVOCATIONS_N);
    uint local_m = naga_div(local, INVOCATIONS_N) * M_PER_INVOCATION;
    uint _e19 = params.weights;
    uint _e22 = params.weights_stride;
    uint first_weight = _e19 + (z_2 * _e22);
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e176 = k0_;
            k0_ = _e176 + TILE_K;
        }
        loop_init = false;
        uint _e28 = k0_;
        uint _e31 = params.columns;
        if (_e28 < _e31) {
        } else {
            break;
        }
        {
            at = local;
            uint2 loop_bound_1 = uint2(4294967295u);
            bool loop_init_1 = true;
            while(true) {
                if (metal::all(loop_bound_1 == uint2(0u))) { break; }
                loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
                if (!loop_init_1) {
                    uint _e67 = at;
                    at = _e67 + INVOCATIONS;
                }
                loop_init_1 = false;
                uint _e34 = at;
                if (_e34 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e37 = at;
                    uint _e43 = params.rows;
                    uint m_1 = metal::min(first_m + naga_div(_e37, TILE_K), _e43 - 1u);
                    uint _e47 = k0_;
                    uint _e48 = at;
                    uint k_1 = _e47 + naga_mod(_e48, TILE_K);
                    d = metal::float4 {};
                    uint _e56 = params.columns;
                    if (k_1 < _e56) {
                        uint _e59 = d_pre_at(m_1, z_2, params);
                        metal::float4 _e62 = d_pre[_e59 + k_1];
                        d = _e62;
                    }
                    uint _e64 = at;
                    metal::float4 _e66 = d;
                    d_tile.inner[_e64] = _e66;
                }
            }
            at_1 = local;
            uint2 loop_bound_2 = uint2(4294967295u);
            bool loop_init_2 = true;
            while(true) {
                if (metal::all(loop_bound_2 == uint2(0u))) { break; }
                loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
                if (!loop_init_2) {
                    uint _e105 = at_1;
                    at_1 = _e105 + INVOCATIONS;
                }
                loop_init_2 = false;
                uint _e71 = at_1;
                if (_e71 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e74 = at_1;
                    uint _e80 = params.inner;
                    uint n = metal::min(first_n + naga_div(_e74, TILE_K), _e80 - 1u);
                    uint _e84 = k0_;
                    uint _e85 = at_1;
                    uint k_2 = _e84 + naga_mod(_e85, TILE_K);
                    w = metal::float4 {};
                    uint _e93 = params.columns;
                    if (k_2 < _e93) {
                        uint _e97 = params.columns;
                        Gates _e100 = load_full(first_weight + (n * _e97), k_2, weights, _buffer_sizes);
                        w = _e100;
                    }
                    uint _e102 = at_1;
                    metal::float4 _e104 = w;
                    w_tile.inner[_e102] = _e104;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            k = 0u;
            uint2 loop_bound_3 = uint2(4294967295u);
            bool loop_init_3 = true;
            while(true) {
                if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                if (!loop_init_3) {
                    uint _e174 = k;
                    k = _e174 + 1u;
                }
                loop_init_3 = false;
                uint _e110 = k;
                if (_e110 < TILE_K) {
                } else {
                    break;
                }
                {
                    w_1 = type_10 {};
                    j = 0u;
                    uint2 loop_bound_4 = uint2(4294967295u);
                    bool loop_init_4 = true;
                    while(true) {
                        if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                        loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                        if (!loop_init_4) {
                            uint _e134 = j;
                            j = _e134 + 1u;
                        }
                        loop_init_4 = false;
                        uint _e117 = j;
                        if (_e117 < N_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e120 = j;
                            uint _e123 = j;
                            uint _e129 = k;
                            metal::float4 _e132 = w_tile.inner[((local_n + (_e123 * INVOCATIONS_N)) * TILE_K) + _e129];
                            w_1.inner[_e120] = _e132;
                        }
                    }
                    i = 0u;
                    uint2 loop_bound_5 = uint2(4294967295u);
                    bool loop_init_5 = true;
                    while(true) {
                        if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                        loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                        if (!loop_init_5) {
                            uint _e171 = i;
                            i = _e171 + 1u;
                        }
                        loop_init_5 = false;
                        uint _e138 = i;
                        if (_e138 < M_PER_INVOCATION) {
                        } else {
                            break;
                        }
                        {
                            uint _e142 = i;
                            uint _e146 = k;
                            metal::float4 d_1 = d_tile.inner[((local_m + _e142) * TILE_K) + _e146];
                            j_1 = 0u;
                            uint2 loop_bound_6 = uint2(4294967295u);
                            bool loop_init_6 = true;
                            while(true) {
                                if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                                loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                                if (!loop_init_6) {
                                    uint _e168 = j_1;
                                    j_1 = _e168 + 1u;
                                }
                                loop_init_6 = false;
                                uint _e152 = j_1;
                                if (_e152 < N_PER_INVOCATION) {
                                } else {
                                    break;
                                }
                                {
                                    uint _e155 = i;
                                    uint _e158 = j_1;
                                    float _e161 = acc.inner[(_e155 * N_PER_INVOCATION) + _e158];
                                    uint _e162 = j_1;
                                    metal::float4 _e164 = w_1.inner[_e162];
                                    acc.inner[(_e155 * N_PER_INVOCATION) + _e158] = _e161 + metal::dot(d_1, _e164);
                                }
                            }
                        }
                    }
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e257 = i_1;
            i_1 = _e257 + 1u;
        }
        loop_init_7 = false;
        uint _e181 = i_1;
        if (_e181 < M_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e185 = i_1;
            uint m_2 = (first_m + local_m) + _e185;
            uint _e189 = params.batch;
            uint row_4 = naga_mod(m_2, _e189);
            uint _e193 = params.first_step;
            uint _e196 = params.batch;
            uint step_2 = _e193 + naga_div(m_2, _e196);
            uint _e199 = length_of(row_4, params);
            bool is_active = step_2 < _e199;
            bool _e201 = other_was_here(step_2, row_4, params);
            uint _e202 = time_of(step_2, row_4, z_2, params);
            uint _e205 = params.stride_t;
            uint _e209 = params.stride_b;
            uint start = (_e202 * _e205) + (row_4 * _e209);
            j_2 = 0u;
            uint2 loop_bound_8 = uint2(4294967295u);
            bool loop_init_8 = true;
            while(true) {
                if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                if (!loop_init_8) {
                    uint _e254 = j_2;
                    j_2 = _e254 + 1u;
                }
                loop_init_8 = false;
                uint _e214 = j_2;
                if (_e214 < N_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e218 = j_2;
                    uint n_1 = (first_n + local_n) + (_e218 * INVOCATIONS_N);
                    uint _e224 = params.rows;
                    if (m_2 < _e224) {
                        uint _e230 = params.inner;
                        local_1 = n_1 < _e230;
                    } else {
                        local_1 = false;
                    }
                    bool _e233 = local_1;
                    if (_e233) {
                        float _e237 = d_x[start + n_1];
                        float before = _e201 ? _e237 : 0.0;
                        uint _e243 = i_1;
                        uint _e246 = j_2;
                        float _e249 = acc.inner[(_e243 * N_PER_INVOCATION) + _e246];
                        d_x[start + n_1] = before + (is_active ? _e249 : 0.0);
                    }
                }
            }
        }
    }
    return;
}
