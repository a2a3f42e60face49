// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size3;
    uint size4;
    uint size5;
};

typedef metal::float4 Quad;
typedef metal::float4 BlockOperand;
typedef metal::float4x4 BlockSums;
struct type_3 {
    metal::float4 inner[128];
};
struct Tile {
    metal::float4 inner[8];
};
typedef uint Column;
struct Columns {
    Column a;
    Column b;
};
struct Sums {
    BlockSums a;
    BlockSums b;
};
typedef uint Matrix;
struct type_5 {
    metal::float4 inner[512];
};
struct Quads {
    uint first;
    uint end;
    uint stride;
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
typedef float type_8[1];
typedef metal::float4 type_10[1];
constant uint TILE_M = 32u;
constant uint TILE_N = 32u;
constant uint TILE_K = 16u;
constant uint M_PER_INVOCATION = 4u;
constant uint N_PER_INVOCATION = 2u;
constant uint QUADS_M = 8u;
constant uint ROWS = 4u;
constant uint INVOCATIONS_N = 16u;
constant uint INVOCATIONS = 128u;

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

metal::float4 operand_quad(
    uint at_2,
    uint row,
    uint k_1,
    threadgroup type_3& a_tile
) {
    metal::float4 _e11 = a_tile.inner[((k_1 * QUADS_M) + at_2) + naga_div(row, 4u)];
    return _e11;
}

BlockOperand block_operand(
    uint at_3,
    uint row_1,
    uint k_2,
    threadgroup type_3& a_tile
) {
    metal::float4 _e3 = operand_quad(at_3, row_1, k_2, a_tile);
    return _e3;
}

BlockSums block_product(
    Quad w,
    BlockOperand v
) {
    return BlockSums(w * v.x, w * v.y, w * v.z, w * v.w);
}

void add_block(
    thread Tile& acc,
    uint first,
    BlockSums sums_1
) {
    metal::float4 _e4 = acc.inner[first];
    acc.inner[first] = _e4 + sums_1[0];
    metal::float4 _e10 = acc.inner[first + 1u];
    acc.inner[first + 1u] = _e10 + sums_1[1];
    metal::float4 _e16 = acc.inner[first + 2u];
    acc.inner[first + 2u] = _e16 + sums_1[2];
    metal::float4 _e22 = acc.inner[first + 3u];
    acc.inner[first + 3u] = _e22 + sums_1[3];
    return;
}

BlockOperand operand(
    uint at_4,
    uint quad_1,
    threadgroup type_3& a_tile
) {
    BlockOperand _e3 = block_operand(at_4, 0u, quad_1, a_tile);
    return _e3;
}

BlockSums plus_product(
    BlockSums sums_2,
    Quad w_1,
    BlockOperand v_1
) {
    BlockSums _e3 = block_product(w_1, v_1);
    return sums_2 + _e3;
}

void add_rows(
    thread Tile& acc_1,
    uint first_1,
    BlockSums sums_3
) {
    add_block(acc_1, first_1, sums_3);
    return;
}

Column column_of(
    Matrix matrix_,
    uint first_2,
    uint u
) {
    return (matrix_ + first_2) + (u * INVOCATIONS_N);
}

Columns columns_of(
    Matrix matrix_1,
    uint first_3
) {
    Column _e3 = column_of(matrix_1, first_3, 0u);
    Column _e5 = column_of(matrix_1, first_3, 1u);
    return Columns {_e3, _e5};
}

Quad load_quad(
    Column column,
    uint k_3,
    threadgroup type_5& d_tile
) {
    metal::float4 _e7 = d_tile.inner[(k_3 * TILE_N) + column];
    return _e7;
}

Sums plus_products(
    Sums sums_4,
    Columns columns,
    BlockOperand v_2,
    uint quad_2,
    threadgroup type_5& d_tile
) {
    Quad _e6 = load_quad(columns.a, quad_2, d_tile);
    BlockSums _e7 = plus_product(sums_4.a, _e6, v_2);
    Quad _e10 = load_quad(columns.b, quad_2, d_tile);
    BlockSums _e11 = plus_product(sums_4.b, _e10, v_2);
    return Sums {_e7, _e11};
}

void add_sums(
    thread Tile& acc_2,
    Sums sums_5
) {
    add_rows(acc_2, 0u, sums_5.a);
    add_rows(acc_2, ROWS, sums_5.b);
    return;
}

void accumulate(
    thread Sums& sums_6,
    Columns columns_1,
    uint at_5,
    Quads quads,
    threadgroup type_3& a_tile,
    threadgroup type_5& d_tile
) {
    uint q = {};
    q = quads.first;
    uint2 loop_bound = uint2(4294967295u);
    bool loop_init = true;
    while(true) {
        if (metal::all(loop_bound == uint2(0u))) { break; }
        loop_bound -= uint2(loop_bound.y == 0u, 1u);
        if (!loop_init) {
            uint _e14 = q;
            q = _e14 + quads.stride;
        }
        loop_init = false;
        uint _e6 = q;
        if (_e6 < quads.end) {
        } else {
            break;
        }
        {
            Sums _e9 = sums_6;
            uint _e10 = q;
            BlockOperand _e11 = operand(at_5, _e10, a_tile);
            uint _e12 = q;
            Sums _e13 = plus_products(_e9, columns_1, _e11, _e12, d_tile);
            sums_6 = _e13;
        }
    }
    return;
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
    uint row_2,
    device GradientParams const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

uint time_of(
    uint step,
    uint row_3,
    uint z_1,
    device GradientParams const& params
) {
    bool local_2 = {};
    uint _e3 = length_of(row_3, params);
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
    uint row_4 = naga_mod(m_1, _e12);
    uint _e16 = params.a_first;
    uint _e17 = time_of(step_1, row_4, z_2, params);
    uint _e20 = params.stride_t;
    uint _e25 = params.stride_b;
    uint _e30 = params.stride_z;
    return ((_e16 + (_e17 * _e20)) + (row_4 * _e25)) + (z_2 * _e30);
}

metal::float4 keep_lanes(
    uint kept,
    metal::float4 before,
    metal::float4 value
) {
    return metal::select(value, before, (metal::uint4(kept) & metal::uint4(1u, 2u, 4u, 8u)) != metal::uint4 {});
}

float element(
    uint start,
    uint m_2,
    device GradientParams const& params,
    device type_8 const& a,
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

metal::float4 load_a_quad(
    uint k_4,
    uint z_3,
    uint m_3,
    device GradientParams const& params,
    device type_8 const& a,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e5 = params.first_step;
    uint _e8 = params.batch;
    uint _e13 = params.batch;
    uint _e15 = length_of(naga_mod(k_4, _e13), params);
    if ((_e5 + naga_div(k_4, _e8)) >= _e15) {
        return metal::float4 {};
    }
    uint _e18 = row_start(k_4, z_3, params);
    float _e19 = element(_e18, m_3, params, a, _buffer_sizes);
    float _e22 = element(_e18, m_3 + 1u, params, a, _buffer_sizes);
    float _e25 = element(_e18, m_3 + 2u, params, a, _buffer_sizes);
    float _e28 = element(_e18, m_3 + 3u, params, a, _buffer_sizes);
    return metal::float4(_e19, _e22, _e25, _e28);
}

struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, threadgroup type_3& a_tile
, threadgroup type_5& d_tile
, device GradientParams const& params [[user(fake0)]]
, device type_8 const& a [[user(fake0)]]
, device type_10 const& d_pre [[user(fake0)]]
, device type_10& d_weights [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        a_tile = {};
        d_tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    Tile done = {};
    uint j = 0u;
    uint i = {};
    Sums sums = {};
    uint k0_ = 0u;
    uint at = {};
    metal::float4 quad_ = {};
    uint at_1 = {};
    metal::float4 d = {};
    uint k = {};
    uint j_1 = 0u;
    uint i_1 = {};
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
            uint2 loop_bound_2 = uint2(4294967295u);
            bool loop_init_2 = true;
            while(true) {
                if (metal::all(loop_bound_2 == uint2(0u))) { break; }
                loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
                if (!loop_init_2) {
                    uint _e79 = i;
                    i = _e79 + 1u;
                }
                loop_init_2 = false;
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
                        done.inner[(_e63 * ROWS) + _e66] = _e77;
                    }
                }
            }
        }
    }
    Columns _e85 = columns_of(0u, local_n);
    uint2 loop_bound_3 = uint2(4294967295u);
    bool loop_init_3 = true;
    while(true) {
        if (metal::all(loop_bound_3 == uint2(0u))) { break; }
        loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
        if (!loop_init_3) {
            uint _e207 = k0_;
            k0_ = _e207 + TILE_K;
        }
        loop_init_3 = false;
        uint _e89 = k0_;
        uint _e92 = params.rows;
        if (_e89 < _e92) {
        } else {
            break;
        }
        {
            at = local;
            uint2 loop_bound_4 = uint2(4294967295u);
            bool loop_init_4 = true;
            while(true) {
                if (metal::all(loop_bound_4 == uint2(0u))) { break; }
                loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
                if (!loop_init_4) {
                    uint _e126 = at;
                    at = _e126 + INVOCATIONS;
                }
                loop_init_4 = false;
                uint _e95 = at;
                if (_e95 < 128u) {
                } else {
                    break;
                }
                {
                    uint _e98 = k0_;
                    uint _e99 = at;
                    uint k_5 = _e98 + naga_div(_e99, QUADS_M);
                    quad_ = metal::float4 {};
                    uint _e107 = params.rows;
                    if (k_5 < _e107) {
                        uint _e111 = params.rows;
                        uint _e116 = at;
                        metal::float4 _e121 = load_a_quad((_e111 - 1u) - k_5, z_4, first_m + (4u * naga_mod(_e116, QUADS_M)), params, a, _buffer_sizes);
                        quad_ = _e121;
                    }
                    uint _e123 = at;
                    metal::float4 _e125 = quad_;
                    a_tile.inner[_e123] = _e125;
                }
            }
            at_1 = local;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e169 = at_1;
                    at_1 = _e169 + INVOCATIONS;
                }
                loop_init_5 = false;
                uint _e130 = at_1;
                if (_e130 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e133 = k0_;
                    uint _e134 = at_1;
                    uint k_6 = _e133 + naga_div(_e134, TILE_N);
                    uint _e138 = at_1;
                    uint _e144 = params.columns;
                    uint n_1 = metal::min(first_n + naga_mod(_e138, TILE_N), _e144 - 1u);
                    d = metal::float4 {};
                    uint _e152 = params.rows;
                    if (k_6 < _e152) {
                        uint _e157 = params.rows;
                        uint _e161 = d_pre_at((_e157 - 1u) - k_6, z_4, params);
                        metal::float4 _e164 = d_pre[_e161 + n_1];
                        d = _e164;
                    }
                    uint _e166 = at_1;
                    metal::float4 _e168 = d;
                    d_tile.inner[_e166] = _e168;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e175 = params.rows;
            uint _e176 = k0_;
            uint num_k = metal::min(TILE_K, _e175 - _e176);
            k = 0u;
            uint2 loop_bound_6 = uint2(4294967295u);
            while(true) {
                if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                uint _e181 = k;
                if (_e181 < num_k) {
                } else {
                    break;
                }
                {
                    uint _e185 = params.batch;
                    uint _e186 = k0_;
                    uint _e187 = k;
                    uint _e191 = params.batch;
                    uint left = _e185 - naga_mod(_e186 + _e187, _e191);
                    uint _e194 = k;
                    uint end = metal::min(_e194 + left, num_k);
                    uint _e199 = k;
                    accumulate(sums, _e85, naga_div(local_m, 4u), Quads {_e199, end, 1u}, a_tile, d_tile);
                    uint _e202 = k;
                    if (end == (_e202 + left)) {
                        Sums _e205 = sums;
                        add_sums(done, _e205);
                        sums = Sums {};
                    }
                    k = end;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_6 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_6) {
            uint _e271 = j_1;
            j_1 = _e271 + 1u;
        }
        loop_init_6 = false;
        uint _e212 = j_1;
        if (_e212 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e216 = j_1;
            uint n_2 = (first_n + local_n) + (_e216 * INVOCATIONS_N);
            i_1 = 0u;
            uint2 loop_bound_8 = uint2(4294967295u);
            bool loop_init_7 = true;
            while(true) {
                if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                if (!loop_init_7) {
                    uint _e268 = i_1;
                    i_1 = _e268 + 1u;
                }
                loop_init_7 = false;
                uint _e222 = i_1;
                if (_e222 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e226 = i_1;
                    uint m_5 = (first_m + local_m) + _e226;
                    if (m_5 < num_rows) {
                        uint _e233 = params.columns;
                        local_1 = n_2 < _e233;
                    } else {
                        local_1 = false;
                    }
                    bool _e236 = local_1;
                    if (_e236) {
                        uint _e239 = params.columns;
                        uint at_6 = (first_weight + (m_5 * _e239)) + n_2;
                        uint _e243 = j_1;
                        uint _e246 = i_1;
                        metal::float4 _e249 = done.inner[(_e243 * ROWS) + _e246];
                        sum = _e249;
                        uint _e253 = params.kept_lanes;
                        if (_e253 != 0u) {
                            uint _e258 = params.kept_lanes;
                            metal::float4 _e261 = d_weights[at_6];
                            metal::float4 _e262 = sum;
                            metal::float4 _e263 = keep_lanes(_e258, _e261, _e262);
                            sum = _e263;
                        }
                        metal::float4 _e266 = sum;
                        d_weights[at_6] = _e266;
                    }
                }
            }
        }
    }
    return;
}
