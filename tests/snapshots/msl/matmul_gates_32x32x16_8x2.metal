// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size0;
    uint size2;
    uint size5;
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
typedef metal::float4x4 Quad;
typedef metal::float4 SumsOf1_;
typedef metal::float2x4 SumsOf2_;
typedef metal::float4x4 SumsOf4_;
typedef metal::float4x4 BlockOperand;
struct type_6 {
    metal::float4 inner[128];
};
struct Tile {
    metal::float4 inner[16];
};
struct Operand {
    BlockOperand a;
    BlockOperand b;
};
struct RowSums {
    SumsOf4_ a;
    SumsOf4_ b;
};
typedef uint Column;
struct Columns {
    Column a;
    Column b;
};
struct Sums {
    RowSums a;
    RowSums b;
};
typedef uint Matrix;
struct type_8 {
    metal::float4 inner[512];
};
struct Quads {
    uint first;
    uint end;
    uint stride;
};
typedef metal::float4 type_10[1];
struct type_12 {
    uint inner[2];
};
constant uint TILE_M = 32u;
constant uint TILE_N = 32u;
constant uint TILE_K = 16u;
constant uint M_PER_INVOCATION = 8u;
constant uint N_PER_INVOCATION = 2u;
constant uint QUADS_K = 4u;
constant uint ROWS = 8u;
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
    uint row_5 = naga_mod(m, _e12);
    uint _e16 = params.a_first;
    uint _e17 = time_of(step_1, row_5, z_1, params);
    uint _e20 = params.stride_t;
    uint _e25 = params.stride_b;
    uint _e30 = params.stride_z;
    return ((_e16 + (_e17 * _e20)) + (row_5 * _e25)) + (z_1 * _e30);
}

SumsOf1_ quad_times_row(
    Quad w_1,
    metal::float4 v
) {
    return w_1 * v;
}

metal::float4 operand_quad(
    uint at_1,
    uint row_3,
    uint quad_,
    threadgroup type_6& a_tile
) {
    metal::float4 _e9 = a_tile.inner[(at_1 + (row_3 * QUADS_K)) + quad_];
    return _e9;
}

BlockOperand block_operand(
    uint at_2,
    uint row_4,
    uint quad_1,
    threadgroup type_6& a_tile
) {
    metal::float4 _e3 = operand_quad(at_2, row_4, quad_1, a_tile);
    metal::float4 _e6 = operand_quad(at_2, row_4 + 1u, quad_1, a_tile);
    metal::float4 _e9 = operand_quad(at_2, row_4 + 2u, quad_1, a_tile);
    metal::float4 _e12 = operand_quad(at_2, row_4 + 3u, quad_1, a_tile);
    return BlockOperand(_e3, _e6, _e9, _e12);
}

SumsOf4_ block_product(
    Quad w_2,
    BlockOperand v_1
) {
    return w_2 * v_1;
}

void add_block(
    thread Tile& acc_1,
    uint first_1,
    SumsOf4_ sums_1
) {
    metal::float4 _e4 = acc_1.inner[first_1];
    acc_1.inner[first_1] = _e4 + sums_1[0];
    metal::float4 _e10 = acc_1.inner[first_1 + 1u];
    acc_1.inner[first_1 + 1u] = _e10 + sums_1[1];
    metal::float4 _e16 = acc_1.inner[first_1 + 2u];
    acc_1.inner[first_1 + 2u] = _e16 + sums_1[2];
    metal::float4 _e22 = acc_1.inner[first_1 + 3u];
    acc_1.inner[first_1 + 3u] = _e22 + sums_1[3];
    return;
}

Operand operand(
    uint at_3,
    uint quad_2,
    threadgroup type_6& a_tile
) {
    BlockOperand _e3 = block_operand(at_3, 0u, quad_2, a_tile);
    BlockOperand _e5 = block_operand(at_3, 4u, quad_2, a_tile);
    return Operand {_e3, _e5};
}

RowSums plus_product(
    RowSums sums_2,
    Quad w_3,
    Operand v_2
) {
    SumsOf4_ _e5 = block_product(w_3, v_2.a);
    SumsOf4_ _e9 = block_product(w_3, v_2.b);
    return RowSums {sums_2.a + _e5, sums_2.b + _e9};
}

void add_rows(
    thread Tile& acc_2,
    uint first_2,
    RowSums sums_3
) {
    add_block(acc_2, first_2, sums_3.a);
    add_block(acc_2, first_2 + 4u, sums_3.b);
    return;
}

Column column_of(
    Matrix matrix_,
    uint first_3,
    uint u
) {
    return (matrix_ + first_3) + (u * INVOCATIONS_N);
}

Columns columns_of(
    Matrix matrix_1,
    uint first_4
) {
    Column _e3 = column_of(matrix_1, first_4, 0u);
    Column _e5 = column_of(matrix_1, first_4, 1u);
    return Columns {_e3, _e5};
}

Quad load_quad(
    Column column_2,
    uint quad_3,
    threadgroup type_8& w_tile
) {
    uint at_5 = ((4u * quad_3) * TILE_N) + column_2;
    metal::float4 _e9 = w_tile.inner[at_5];
    metal::float4 _e14 = w_tile.inner[at_5 + TILE_N];
    metal::float4 _e19 = w_tile.inner[at_5 + 64u];
    metal::float4 _e24 = w_tile.inner[at_5 + 96u];
    return Quad(_e9, _e14, _e19, _e24);
}

Sums plus_products(
    Sums sums_4,
    Columns columns,
    Operand v_3,
    uint quad_4,
    threadgroup type_8& w_tile
) {
    Quad _e6 = load_quad(columns.a, quad_4, w_tile);
    RowSums _e7 = plus_product(sums_4.a, _e6, v_3);
    Quad _e10 = load_quad(columns.b, quad_4, w_tile);
    RowSums _e11 = plus_product(sums_4.b, _e10, v_3);
    return Sums {_e7, _e11};
}

void add_sums(
    thread Tile& acc_3,
    Sums sums_5
) {
    add_rows(acc_3, 0u, sums_5.a);
    add_rows(acc_3, ROWS, sums_5.b);
    return;
}

void accumulate(
    thread Sums& sums_6,
    Columns columns_1,
    uint at_4,
    Quads quads,
    threadgroup type_6& a_tile,
    threadgroup type_8& w_tile
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
            Operand _e11 = operand(at_4, _e10, a_tile);
            uint _e12 = q;
            Sums _e13 = plus_products(_e9, columns_1, _e11, _e12, w_tile);
            sums_6 = _e13;
        }
    }
    return;
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
    device type_10& pre,
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
    metal::float4 quad_5 = metal::float4 {};
    uint _e6 = params.inner;
    if (k < _e6) {
        float _e12 = a[start + k];
        quad_5.x = _e12;
    }
    uint _e17 = params.inner;
    if ((k + 1u) < _e17) {
        float _e25 = a[(start + k) + 1u];
        quad_5.y = _e25;
    }
    uint _e30 = params.inner;
    if ((k + 2u) < _e30) {
        float _e38 = a[(start + k) + 2u];
        quad_5.z = _e38;
    }
    uint _e43 = params.inner;
    if ((k + 3u) < _e43) {
        float _e51 = a[(start + k) + 3u];
        quad_5.w = _e51;
    }
    metal::float4 _e52 = quad_5;
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
, threadgroup type_6& a_tile
, threadgroup type_8& w_tile
, device type_10& pre [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        a_tile = {};
        w_tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    type_12 starts = {};
    uint i = 0u;
    Tile acc = {};
    uint j = 0u;
    uint i_1 = {};
    Sums sums = {};
    uint k0_ = 0u;
    uint i_2 = {};
    uint at = {};
    metal::float4 w = {};
    uint j_1 = 0u;
    uint i_3 = {};
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
    uint2 loop_bound_1 = uint2(4294967295u);
    bool loop_init_1 = true;
    while(true) {
        if (metal::all(loop_bound_1 == uint2(0u))) { break; }
        loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
        if (!loop_init_1) {
            uint _e54 = i;
            i = _e54 + 1u;
        }
        loop_init_1 = false;
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
    uint2 loop_bound_2 = uint2(4294967295u);
    bool loop_init_2 = true;
    while(true) {
        if (metal::all(loop_bound_2 == uint2(0u))) { break; }
        loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
        if (!loop_init_2) {
            uint _e92 = j;
            j = _e92 + 1u;
        }
        loop_init_2 = false;
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
            uint2 loop_bound_3 = uint2(4294967295u);
            bool loop_init_3 = true;
            while(true) {
                if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                if (!loop_init_3) {
                    uint _e89 = i_1;
                    i_1 = _e89 + 1u;
                }
                loop_init_3 = false;
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
                    acc.inner[(_e78 * ROWS) + _e81] = _e87;
                }
            }
        }
    }
    Columns _e95 = columns_of(0u, local_n);
    uint _e102 = params.columns;
    uint column_3 = metal::min(first_n + naga_mod(local, TILE_N), _e102 - 1u);
    uint _e108 = params.columns;
    Gates _e109 = load_scale(first_weight, _e108, column_3);
    uint2 loop_bound_4 = uint2(4294967295u);
    bool loop_init_4 = true;
    while(true) {
        if (metal::all(loop_bound_4 == uint2(0u))) { break; }
        loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
        if (!loop_init_4) {
            uint _e177 = k0_;
            k0_ = _e177 + TILE_K;
        }
        loop_init_4 = false;
        uint _e112 = k0_;
        uint _e115 = params.inner;
        if (_e112 < _e115) {
        } else {
            break;
        }
        {
            i_2 = 0u;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e139 = i_2;
                    i_2 = _e139 + 1u;
                }
                loop_init_5 = false;
                uint _e119 = i_2;
                if (_e119 < A_LOADS) {
                } else {
                    break;
                }
                {
                    uint _e122 = i_2;
                    uint at_6 = local + (_e122 * INVOCATIONS);
                    uint _e128 = i_2;
                    uint _e130 = starts.inner[_e128];
                    uint _e131 = k0_;
                    metal::float4 _e137 = load_a_quad(_e130, _e131 + (4u * naga_mod(at_6, QUADS_K)), params, a, _buffer_sizes);
                    a_tile.inner[at_6] = _e137;
                }
            }
            at = local;
            uint2 loop_bound_6 = uint2(4294967295u);
            bool loop_init_6 = true;
            while(true) {
                if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                if (!loop_init_6) {
                    uint _e168 = at;
                    at = _e168 + INVOCATIONS;
                }
                loop_init_6 = false;
                uint _e142 = at;
                if (_e142 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e145 = k0_;
                    uint _e146 = at;
                    uint k_1 = _e145 + naga_div(_e146, TILE_N);
                    w = metal::float4 {};
                    uint _e154 = params.inner;
                    if (k_1 < _e154) {
                        uint _e158 = params.columns;
                        Gates _e162 = load_packed((first_weight + (k_1 * _e158)) + column_3, weights, _buffer_sizes);
                        Gates _e163 = unpacked(_e162, _e109);
                        w = _e163;
                    }
                    uint _e165 = at;
                    metal::float4 _e167 = w;
                    w_tile.inner[_e165] = _e167;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            accumulate(sums, _e95, local_m * QUADS_K, Quads {0u, 4u, 1u}, a_tile, w_tile);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    Sums _e180 = sums;
    add_sums(acc, _e180);
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e222 = j_1;
            j_1 = _e222 + 1u;
        }
        loop_init_7 = false;
        uint _e183 = j_1;
        if (_e183 < N_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e187 = j_1;
            uint n_3 = (first_n + local_n) + (_e187 * INVOCATIONS_N);
            i_3 = 0u;
            uint2 loop_bound_8 = uint2(4294967295u);
            bool loop_init_8 = true;
            while(true) {
                if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                if (!loop_init_8) {
                    uint _e219 = i_3;
                    i_3 = _e219 + 1u;
                }
                loop_init_8 = false;
                uint _e193 = i_3;
                if (_e193 < M_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e197 = i_3;
                    uint m_4 = (first_m + local_m) + _e197;
                    uint _e201 = params.rows;
                    if (m_4 < _e201) {
                        uint _e207 = params.columns;
                        local_1 = n_3 < _e207;
                    } else {
                        local_1 = false;
                    }
                    bool _e210 = local_1;
                    if (_e210) {
                        uint _e211 = j_1;
                        uint _e214 = i_3;
                        metal::float4 _e217 = acc.inner[(_e211 * ROWS) + _e214];
                        store(m_4, n_3, z_4, _e217, params, pre, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}
