// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
    uint size4;
    uint size5;
};

typedef metal::float4 Quad;
typedef float SumsOf1_;
typedef metal::float2 SumsOf2_;
typedef metal::float4 SumsOf4_;
typedef metal::float4x4 BlockOperand;
struct type_3 {
    metal::float4 inner[512];
};
struct Tile {
    float inner[16];
};
typedef uint Column;
struct Columns {
    Column a;
    Column b;
    Column c;
    Column d;
};
struct Sums {
    SumsOf4_ a;
    SumsOf4_ b;
    SumsOf4_ c;
    SumsOf4_ d;
};
typedef uint Matrix;
struct Quads {
    uint first;
    uint end;
    uint stride;
};
typedef metal::float4 Gates;
typedef Gates type_6[1];
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
typedef metal::float4 type_8[1];
typedef float type_9[1];
constant uint TILE_M = 32u;
constant uint TILE_N = 32u;
constant uint TILE_K = 16u;
constant uint M_PER_INVOCATION = 4u;
constant uint N_PER_INVOCATION = 4u;
constant uint ROWS = 4u;
constant uint INVOCATIONS_N = 8u;
constant uint INVOCATIONS = 64u;

SumsOf1_ quad_times_row(
    Quad w_1,
    metal::float4 v
) {
    return metal::dot(w_1, v);
}

metal::float4 operand_quad(
    uint at_2,
    uint row,
    uint quad_,
    threadgroup type_3& d_tile
) {
    metal::float4 _e9 = d_tile.inner[(at_2 + (row * TILE_K)) + quad_];
    return _e9;
}

BlockOperand block_operand(
    uint at_3,
    uint row_1,
    uint quad_1,
    threadgroup type_3& d_tile
) {
    metal::float4 _e3 = operand_quad(at_3, row_1, quad_1, d_tile);
    metal::float4 _e6 = operand_quad(at_3, row_1 + 1u, quad_1, d_tile);
    metal::float4 _e9 = operand_quad(at_3, row_1 + 2u, quad_1, d_tile);
    metal::float4 _e12 = operand_quad(at_3, row_1 + 3u, quad_1, d_tile);
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
    uint first,
    SumsOf4_ sums_1
) {
    float _e4 = acc_1.inner[first];
    acc_1.inner[first] = _e4 + sums_1.x;
    float _e10 = acc_1.inner[first + 1u];
    acc_1.inner[first + 1u] = _e10 + sums_1.y;
    float _e16 = acc_1.inner[first + 2u];
    acc_1.inner[first + 2u] = _e16 + sums_1.z;
    float _e22 = acc_1.inner[first + 3u];
    acc_1.inner[first + 3u] = _e22 + sums_1.w;
    return;
}

BlockOperand operand(
    uint at_4,
    uint quad_2,
    threadgroup type_3& d_tile
) {
    BlockOperand _e3 = block_operand(at_4, 0u, quad_2, d_tile);
    return _e3;
}

SumsOf4_ plus_product(
    SumsOf4_ sums_2,
    Quad w_3,
    BlockOperand v_2
) {
    SumsOf4_ _e3 = block_product(w_3, v_2);
    return sums_2 + _e3;
}

void add_rows(
    thread Tile& acc_2,
    uint first_1,
    SumsOf4_ sums_3
) {
    add_block(acc_2, first_1, sums_3);
    return;
}

Column column_of(
    Matrix matrix_,
    uint first_2,
    uint u
) {
    return matrix_ + ((first_2 + (u * INVOCATIONS_N)) * TILE_K);
}

Columns columns_of(
    Matrix matrix_1,
    uint first_3
) {
    Column _e3 = column_of(matrix_1, first_3, 0u);
    Column _e5 = column_of(matrix_1, first_3, 1u);
    Column _e7 = column_of(matrix_1, first_3, 2u);
    Column _e9 = column_of(matrix_1, first_3, 3u);
    return Columns {_e3, _e5, _e7, _e9};
}

Quad load_quad(
    Column column,
    uint quad_3,
    threadgroup type_3& w_tile
) {
    metal::float4 _e5 = w_tile.inner[column + quad_3];
    return _e5;
}

Sums plus_products(
    Sums sums_4,
    Columns columns,
    BlockOperand v_3,
    uint quad_4,
    threadgroup type_3& w_tile
) {
    Quad _e6 = load_quad(columns.a, quad_4, w_tile);
    SumsOf4_ _e7 = plus_product(sums_4.a, _e6, v_3);
    Quad _e10 = load_quad(columns.b, quad_4, w_tile);
    SumsOf4_ _e11 = plus_product(sums_4.b, _e10, v_3);
    Quad _e14 = load_quad(columns.c, quad_4, w_tile);
    SumsOf4_ _e15 = plus_product(sums_4.c, _e14, v_3);
    Quad _e18 = load_quad(columns.d, quad_4, w_tile);
    SumsOf4_ _e19 = plus_product(sums_4.d, _e18, v_3);
    return Sums {_e7, _e11, _e15, _e19};
}

void add_sums(
    thread Tile& acc_3,
    Sums sums_5
) {
    add_rows(acc_3, 0u, sums_5.a);
    add_rows(acc_3, ROWS, sums_5.b);
    add_rows(acc_3, 8u, sums_5.c);
    add_rows(acc_3, 12u, sums_5.d);
    return;
}

void accumulate(
    thread Sums& sums_6,
    Columns columns_1,
    uint at_5,
    Quads quads,
    threadgroup type_3& d_tile,
    threadgroup type_3& w_tile
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
            BlockOperand _e11 = operand(at_5, _e10, d_tile);
            uint _e12 = q;
            Sums _e13 = plus_products(_e9, columns_1, _e11, _e12, w_tile);
            sums_6 = _e13;
        }
    }
    return;
}

Gates load_full(
    uint row_2,
    uint column_1,
    device type_6 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e5 = weights[row_2 + column_1];
    return _e5;
}

Gates load_scale(
    uint first_4,
    uint row_words,
    uint column_2
) {
    return Gates {};
}

Gates load_packed(
    uint index,
    device type_6 const& weights,
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
    uint row_3,
    device GradientParams const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

uint time_of(
    uint step,
    uint row_4,
    uint z_1,
    device GradientParams const& params
) {
    bool local_2 = {};
    uint _e3 = length_of(row_4, params);
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
    uint row_5,
    device GradientParams const& params
) {
    bool local_3 = {};
    bool local_4 = {};
    bool local_5 = {};
    uint _e2 = length_of(row_5, params);
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
, threadgroup type_3& d_tile
, threadgroup type_3& w_tile
, device type_6 const& weights [[user(fake0)]]
, device GradientParams const& params [[user(fake0)]]
, device type_8 const& d_pre [[user(fake0)]]
, device type_9& d_x [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        d_tile = {};
        w_tile = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    Sums sums = {};
    uint k0_ = 0u;
    uint at = {};
    metal::float4 d = {};
    uint at_1 = {};
    metal::float4 w = {};
    Tile acc = {};
    uint i = 0u;
    uint j = {};
    bool local_1 = {};
    uint z_2 = params.slice;
    uint first_m = group.y * TILE_M;
    uint first_n = group.x * TILE_N;
    uint local_n = naga_mod(local, INVOCATIONS_N);
    uint local_m = naga_div(local, INVOCATIONS_N) * M_PER_INVOCATION;
    uint _e19 = params.weights;
    uint _e22 = params.weights_stride;
    uint first_weight = _e19 + (z_2 * _e22);
    Columns _e26 = columns_of(0u, local_n);
    uint2 loop_bound_1 = uint2(4294967295u);
    bool loop_init_1 = true;
    while(true) {
        if (metal::all(loop_bound_1 == uint2(0u))) { break; }
        loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
        if (!loop_init_1) {
            uint _e116 = k0_;
            k0_ = _e116 + TILE_K;
        }
        loop_init_1 = false;
        uint _e30 = k0_;
        uint _e33 = params.columns;
        if (_e30 < _e33) {
        } else {
            break;
        }
        {
            at = local;
            uint2 loop_bound_2 = uint2(4294967295u);
            bool loop_init_2 = true;
            while(true) {
                if (metal::all(loop_bound_2 == uint2(0u))) { break; }
                loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
                if (!loop_init_2) {
                    uint _e69 = at;
                    at = _e69 + INVOCATIONS;
                }
                loop_init_2 = false;
                uint _e36 = at;
                if (_e36 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e39 = at;
                    uint _e45 = params.rows;
                    uint m_1 = metal::min(first_m + naga_div(_e39, TILE_K), _e45 - 1u);
                    uint _e49 = k0_;
                    uint _e50 = at;
                    uint k = _e49 + naga_mod(_e50, TILE_K);
                    d = metal::float4 {};
                    uint _e58 = params.columns;
                    if (k < _e58) {
                        uint _e61 = d_pre_at(m_1, z_2, params);
                        metal::float4 _e64 = d_pre[_e61 + k];
                        d = _e64;
                    }
                    uint _e66 = at;
                    metal::float4 _e68 = d;
                    d_tile.inner[_e66] = _e68;
                }
            }
            at_1 = local;
            uint2 loop_bound_3 = uint2(4294967295u);
            bool loop_init_3 = true;
            while(true) {
                if (metal::all(loop_bound_3 == uint2(0u))) { break; }
                loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
                if (!loop_init_3) {
                    uint _e107 = at_1;
                    at_1 = _e107 + INVOCATIONS;
                }
                loop_init_3 = false;
                uint _e73 = at_1;
                if (_e73 < 512u) {
                } else {
                    break;
                }
                {
                    uint _e76 = at_1;
                    uint _e82 = params.inner;
                    uint n = metal::min(first_n + naga_div(_e76, TILE_K), _e82 - 1u);
                    uint _e86 = k0_;
                    uint _e87 = at_1;
                    uint k_1 = _e86 + naga_mod(_e87, TILE_K);
                    w = metal::float4 {};
                    uint _e95 = params.columns;
                    if (k_1 < _e95) {
                        uint _e99 = params.columns;
                        Gates _e102 = load_full(first_weight + (n * _e99), k_1, weights, _buffer_sizes);
                        w = _e102;
                    }
                    uint _e104 = at_1;
                    metal::float4 _e106 = w;
                    w_tile.inner[_e104] = _e106;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            accumulate(sums, _e26, local_m * TILE_K, Quads {0u, 16u, 1u}, d_tile, w_tile);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    Sums _e120 = sums;
    add_sums(acc, _e120);
    uint2 loop_bound_4 = uint2(4294967295u);
    bool loop_init_4 = true;
    while(true) {
        if (metal::all(loop_bound_4 == uint2(0u))) { break; }
        loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
        if (!loop_init_4) {
            uint _e199 = i;
            i = _e199 + 1u;
        }
        loop_init_4 = false;
        uint _e123 = i;
        if (_e123 < M_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e127 = i;
            uint m_2 = (first_m + local_m) + _e127;
            uint _e131 = params.batch;
            uint row_6 = naga_mod(m_2, _e131);
            uint _e135 = params.first_step;
            uint _e138 = params.batch;
            uint step_2 = _e135 + naga_div(m_2, _e138);
            uint _e141 = length_of(row_6, params);
            bool is_active = step_2 < _e141;
            bool _e143 = other_was_here(step_2, row_6, params);
            uint _e144 = time_of(step_2, row_6, z_2, params);
            uint _e147 = params.stride_t;
            uint _e151 = params.stride_b;
            uint start = (_e144 * _e147) + (row_6 * _e151);
            j = 0u;
            uint2 loop_bound_5 = uint2(4294967295u);
            bool loop_init_5 = true;
            while(true) {
                if (metal::all(loop_bound_5 == uint2(0u))) { break; }
                loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
                if (!loop_init_5) {
                    uint _e196 = j;
                    j = _e196 + 1u;
                }
                loop_init_5 = false;
                uint _e156 = j;
                if (_e156 < N_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e160 = j;
                    uint n_1 = (first_n + local_n) + (_e160 * INVOCATIONS_N);
                    uint _e166 = params.rows;
                    if (m_2 < _e166) {
                        uint _e172 = params.inner;
                        local_1 = n_1 < _e172;
                    } else {
                        local_1 = false;
                    }
                    bool _e175 = local_1;
                    if (_e175) {
                        float _e179 = d_x[start + n_1];
                        float before = _e143 ? _e179 : 0.0;
                        uint _e185 = j;
                        uint _e188 = i;
                        float _e191 = acc.inner[(_e185 * ROWS) + _e188];
                        d_x[start + n_1] = before + (is_active ? _e191 : 0.0);
                    }
                }
            }
        }
    }
    return;
}
