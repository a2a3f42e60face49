// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size3;
    uint size4;
    uint size5;
};

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
struct CellState {
    float h;
    float c;
};
typedef metal::float4 Gates;
struct Slice {
    uint bias;
    uint w_ih;
    uint w_hh;
    uint w_hr;
    uint input_size;
    uint h;
    uint c;
    uint exchange;
    uint below;
    uint delay;
    uint reverse;
    uint output;
    Choice choice;
};
struct type_3 {
    Slice inner[16];
};
struct Params {
    uint hidden_size;
    uint recurrent_size;
    uint row_words;
    uint batch;
    uint seq_len;
    uint first_step;
    uint num_steps;
    uint phase;
    uint state_size;
    uint exchange_size;
    uint input_stride_t;
    uint input_stride_b;
    uint output_stride_t;
    uint output_stride_b;
    uint num_slices;
    uint padding;
    type_3 slices;
};
typedef Gates type_4[1];
typedef metal::float4x4 Quad;
typedef metal::float4 SumsOf1_;
typedef metal::float2x4 SumsOf2_;
typedef metal::float4x4 SumsOf4_;
typedef metal::float4 BlockOperand;
struct type_6 {
    metal::float4 inner[64];
};
struct Tile {
    Gates inner[1];
};
struct Column {
    uint first;
    uint stride;
    char _pad2[8];
    Gates scale;
};
struct Matrix {
    uint first;
    uint columns;
    uint row_words;
    uint quad_;
};
struct Quads {
    uint first;
    uint end;
    uint stride;
};
struct Place {
    uint z;
    Slice slice;
    uint step;
    uint row;
    uint h_prev;
};
typedef float type_9[1];
struct type_10 {
    Gates inner[128];
};
struct Source {
    bool is_input;
    bool is_h;
    char _pad2[2];
    uint base;
    uint stride;
    uint size;
};
struct Clock {
    uint step;
};
constant uint UNITS = 8u;
constant uint TILE_QUADS = 64u;
constant uint SPLIT = 32u;
constant uint ROWS = 1u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 1u;
constant uint IS_CHOSEN = 0u;
constant uint TILE_SIZE = 1u;
constant uint NONE = 4294967295u;
constant uint INVOCATIONS = 256u;

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

float keep_nan(
    float x_2,
    float y
) {
    bool is_nan = (as_type<uint>(x_2) & 2147483647u) > 2139095040u;
    return is_nan ? x_2 : y;
}

float clip(
    float x_3,
    float bound
) {
    float _e4 = keep_nan(x_3, metal::clamp(x_3, -(bound), bound));
    return _e4;
}

float activate_f(
    float x_4,
    uint slice
) {
    float _e2 = sigmoid(x_4);
    return _e2;
}

float activate_g(
    float x_5,
    uint slice_1
) {
    float _e2 = tanh_stable(x_5);
    return _e2;
}

float activate_h(
    float x_6,
    uint slice_2
) {
    float _e2 = tanh_stable(x_6);
    return _e2;
}

Gates load_full(
    uint row,
    uint column,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e5 = weights[row + column];
    return _e5;
}

CellState cell_update(
    Gates pre,
    CellState prev,
    uint slice_3,
    uint unit,
    device Params const& params,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    float f = {};
    if (false) {
        Choice choice = params.slices.inner[slice_3].choice;
        Gates _e11 = load_full(choice.peepholes, unit, weights, _buffer_sizes);
        float _e18 = clip(pre.x + (_e11.x * prev.c), choice.preact_clip);
        float _e19 = activate_f(_e18, slice_3);
        float _e26 = clip(pre.y + (_e11.y * prev.c), choice.preact_clip);
        float _e27 = activate_f(_e26, slice_3);
        f = _e27;
        if (choice.coupled != 0u) {
            f = 1.0 - _e19;
        }
        float _e36 = clip(pre.z, choice.preact_clip);
        float _e37 = activate_g(_e36, slice_3);
        float _e38 = f;
        float _e44 = clip((_e38 * prev.c) + (_e19 * _e37), choice.cell_clip);
        float _e50 = clip(pre.w + (_e11.w * _e44), choice.preact_clip);
        float _e51 = activate_f(_e50, slice_3);
        float _e52 = activate_h(_e44, slice_3);
        return CellState {_e51 * _e52, _e44};
    }
    float _e56 = activate_f(pre.x, slice_3);
    float _e58 = activate_f(pre.y, slice_3);
    float _e60 = activate_g(pre.z, slice_3);
    float _e62 = activate_f(pre.w, slice_3);
    float c = (_e58 * prev.c) + (_e56 * _e60);
    float _e67 = activate_h(c, slice_3);
    return CellState {_e62 * _e67, c};
}

uint length_of(
    uint row_1,
    device Params const& params
) {
    uint _e3 = params.seq_len;
    return _e3;
}

SumsOf1_ quad_times_row(
    Quad w,
    metal::float4 v
) {
    return w * v;
}

metal::float4 operand_quad(
    uint at,
    uint row_2,
    uint quad_,
    threadgroup type_6& tile
) {
    metal::float4 _e9 = tile.inner[((row_2 * TILE_QUADS) + quad_) - at];
    return _e9;
}

BlockOperand block_operand(
    uint at_1,
    uint row_3,
    uint quad_1,
    threadgroup type_6& tile
) {
    metal::float4 _e3 = operand_quad(at_1, row_3, quad_1, tile);
    return _e3;
}

SumsOf1_ block_product(
    Quad w_1,
    BlockOperand v_1
) {
    SumsOf1_ _e2 = quad_times_row(w_1, v_1);
    return _e2;
}

void add_block(
    thread Tile& acc_1,
    uint first,
    SumsOf1_ sums
) {
    Gates _e4 = acc_1.inner[first];
    acc_1.inner[first] = _e4 + sums;
    return;
}

BlockOperand operand(
    uint at_2,
    uint quad_2,
    threadgroup type_6& tile
) {
    BlockOperand _e3 = block_operand(at_2, 0u, quad_2, tile);
    return _e3;
}

SumsOf1_ plus_product(
    SumsOf1_ sums_1,
    Quad w_2,
    BlockOperand v_2
) {
    SumsOf1_ _e3 = block_product(w_2, v_2);
    return sums_1 + _e3;
}

void add_rows(
    thread Tile& acc_2,
    uint first_1,
    SumsOf1_ sums_2
) {
    add_block(acc_2, first_1, sums_2);
    return;
}

uint column_1(
    Matrix matrix_,
    uint unit_1,
    uint u_1
) {
    return metal::min(unit_1 + (u_1 * UNITS), matrix_.columns - 1u);
}

Gates load_scale(
    uint first_2,
    uint row_words,
    uint column_2
) {
    return Gates {};
}

Column column_of(
    Matrix matrix_1,
    uint first_3,
    uint u_2
) {
    uint _e3 = column_1(matrix_1, first_3, u_2);
    uint first_word = (matrix_1.first + ((4u * matrix_1.quad_) * matrix_1.row_words)) + _e3;
    Gates _e15 = load_scale(matrix_1.first, matrix_1.row_words, _e3);
    return Column {first_word, matrix_1.row_words, {}, _e15};
}

Column columns_of(
    Matrix matrix_2,
    uint first_4
) {
    Column _e3 = column_of(matrix_2, first_4, 0u);
    return _e3;
}

Gates unpacked(
    Gates word,
    Gates scale
) {
    return word;
}

Gates load_packed(
    uint index,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e3 = weights[index];
    return _e3;
}

Quad load_quad(
    Column column_3,
    uint quad_3,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint at_4 = column_3.first + ((4u * quad_3) * column_3.stride);
    Gates _e8 = load_packed(at_4, weights, _buffer_sizes);
    Gates _e10 = unpacked(_e8, column_3.scale);
    Gates _e13 = load_packed(at_4 + column_3.stride, weights, _buffer_sizes);
    Gates _e15 = unpacked(_e13, column_3.scale);
    Gates _e20 = load_packed(at_4 + (2u * column_3.stride), weights, _buffer_sizes);
    Gates _e22 = unpacked(_e20, column_3.scale);
    Gates _e27 = load_packed(at_4 + (3u * column_3.stride), weights, _buffer_sizes);
    Gates _e29 = unpacked(_e27, column_3.scale);
    return Quad(_e10, _e15, _e22, _e29);
}

SumsOf1_ plus_products(
    SumsOf1_ sums_3,
    Column columns,
    BlockOperand v_3,
    uint quad_4,
    device type_4 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Quad _e4 = load_quad(columns, quad_4, weights, _buffer_sizes);
    SumsOf1_ _e5 = plus_product(sums_3, _e4, v_3);
    return _e5;
}

void add_sums(
    thread Tile& acc_3,
    SumsOf1_ sums_4
) {
    add_rows(acc_3, 0u, sums_4);
    return;
}

void accumulate(
    thread SumsOf1_& sums_5,
    Column columns_1,
    uint at_3,
    Quads quads,
    device type_4 const& weights,
    threadgroup type_6& tile,
    constant _mslBufferSizes& _buffer_sizes
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
            SumsOf1_ _e9 = sums_5;
            uint _e10 = q;
            BlockOperand _e11 = operand(at_3, _e10, tile);
            uint _e12 = q;
            SumsOf1_ _e13 = plus_products(_e9, columns_1, _e11, _e12, weights, _buffer_sizes);
            sums_5 = _e13;
        }
    }
    return;
}

bool is_first(
    uint local_5
) {
    bool local_6 = {};
    if (true) {
        local_6 = local_5 < UNITS;
    } else {
        local_6 = true;
    }
    bool _e7 = local_6;
    return _e7;
}

Matrix gates_matrix(
    uint first_5,
    device Params const& params
) {
    uint _e3 = params.hidden_size;
    uint _e6 = params.row_words;
    return Matrix {first_5, _e3, _e6, 0u};
}

void input_part(
    thread Tile& acc_4,
    Place place,
    uint unit_2,
    uint local_7,
    device Params const& params,
    device type_4 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_1 = 0u;
    uint u_3 = {};
    bool _e4 = is_first(local_7);
    if (!(_e4)) {
        return;
    }
    uint _e9 = params.first_step;
    uint step_2 = place.step - _e9;
    Matrix _e12 = gates_matrix(0u, params);
    uint2 loop_bound_1 = uint2(4294967295u);
    bool loop_init_1 = true;
    while(true) {
        if (metal::all(loop_bound_1 == uint2(0u))) { break; }
        loop_bound_1 -= uint2(loop_bound_1.y == 0u, 1u);
        if (!loop_init_1) {
            uint _e63 = r_1;
            r_1 = _e63 + 1u;
        }
        loop_init_1 = false;
        uint _e15 = r_1;
        if (_e15 < ROWS) {
        } else {
            break;
        }
        {
            uint _e19 = r_1;
            uint _e23 = params.batch;
            uint row_11 = metal::min(place.row + _e19, _e23 - 1u);
            uint _e29 = params.batch;
            uint _e34 = params.num_slices;
            uint at_5 = (((step_2 * _e29) + row_11) * _e34) + place.z;
            u_3 = 0u;
            uint2 loop_bound_2 = uint2(4294967295u);
            bool loop_init_2 = true;
            while(true) {
                if (metal::all(loop_bound_2 == uint2(0u))) { break; }
                loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
                if (!loop_init_2) {
                    uint _e60 = u_3;
                    u_3 = _e60 + 1u;
                }
                loop_init_2 = false;
                uint _e40 = u_3;
                if (_e40 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e43 = u_3;
                    uint _e46 = r_1;
                    uint _e52 = params.row_words;
                    uint _e54 = u_3;
                    uint _e55 = column_1(_e12, unit_2, _e54);
                    Gates _e58 = x_proj[(at_5 * _e52) + _e55];
                    acc_4.inner[(_e43 * ROWS) + _e46] = _e58;
                }
            }
        }
    }
    return;
}

float operand_at(
    bool is_input,
    uint index_1,
    device type_9 const& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    float _e4 = state[index_1];
    return _e4;
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

Quads own_quads(
    uint first_6,
    uint num_quads,
    uint local_8
) {
    return Quads {first_6 + naga_div(local_8, UNITS), first_6 + num_quads, SPLIT};
}

void fill(
    thread Tile& acc_5,
    uint u_4,
    Gates value
) {
    uint r_2 = 0u;
    uint2 loop_bound_3 = uint2(4294967295u);
    bool loop_init_3 = true;
    while(true) {
        if (metal::all(loop_bound_3 == uint2(0u))) { break; }
        loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
        if (!loop_init_3) {
            uint _e14 = r_2;
            r_2 = _e14 + 1u;
        }
        loop_init_3 = false;
        uint _e5 = r_2;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e10 = r_2;
            acc_5.inner[(u_4 * ROWS) + _e10] = value;
        }
    }
    return;
}

uint quads_1(
    uint size
) {
    return naga_div(size + 3u, 4u);
}

uint time_of(
    Slice slice_4,
    uint step,
    uint row_4,
    device Params const& params
) {
    bool local_9 = {};
    uint _e3 = length_of(row_4, params);
    if (slice_4.reverse != 0u) {
        local_9 = step < _e3;
    } else {
        local_9 = false;
    }
    bool _e14 = local_9;
    return _e14 ? ((_e3 - 1u) - step) : step;
}

void write_output(
    Slice slice_5,
    uint step_1,
    uint row_5,
    uint unit_3,
    float h,
    device Params const& params,
    device type_9& y_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (slice_5.output != NONE) {
        uint _e8 = time_of(slice_5, step_1, row_5, params);
        uint _e12 = params.output_stride_t;
        uint _e16 = params.output_stride_b;
        y_1[(((_e8 * _e12) + (row_5 * _e16)) + slice_5.output) + unit_3] = h;
        return;
    } else {
        return;
    }
}

uint longest_of(
    uint first_row,
    device Params const& params
) {
    uint longest = 0u;
    uint r_3 = 0u;
    uint2 loop_bound_4 = uint2(4294967295u);
    bool loop_init_4 = true;
    while(true) {
        if (metal::all(loop_bound_4 == uint2(0u))) { break; }
        loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
        if (!loop_init_4) {
            uint _e14 = r_3;
            r_3 = _e14 + 1u;
        }
        loop_init_4 = false;
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

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void sum_parts(
    thread Tile& acc_6,
    uint local_10,
    threadgroup type_10& parts
) {
    uint half_ = 16u;
    bool local_11 = {};
    uint i = {};
    uint i_1 = {};
    uint part = naga_div(local_10, UNITS);
    uint unit_8 = naga_mod(local_10, UNITS);
    uint2 loop_bound_5 = uint2(4294967295u);
    bool loop_init_5 = true;
    while(true) {
        if (metal::all(loop_bound_5 == uint2(0u))) { break; }
        loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
        if (!loop_init_5) {
            uint _e71 = half_;
            half_ = naga_div(_e71, 2u);
        }
        loop_init_5 = false;
        uint _e8 = half_;
        if (_e8 > 0u) {
        } else {
            break;
        }
        {
            uint _e11 = half_;
            if (part >= _e11) {
                uint _e16 = half_;
                local_11 = part < (2u * _e16);
            } else {
                local_11 = false;
            }
            bool _e20 = local_11;
            if (_e20) {
                i = 0u;
                uint2 loop_bound_6 = uint2(4294967295u);
                bool loop_init_6 = true;
                while(true) {
                    if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                    loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                    if (!loop_init_6) {
                        uint _e41 = i;
                        i = _e41 + 1u;
                    }
                    loop_init_6 = false;
                    uint _e23 = i;
                    if (_e23 < TILE_SIZE) {
                    } else {
                        break;
                    }
                    {
                        uint _e31 = i;
                        uint _e37 = i;
                        Gates _e39 = acc_6.inner[_e37];
                        parts.inner[(((naga_mod(part, 16u) * TILE_SIZE) + _e31) * UNITS) + unit_8] = _e39;
                    }
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e43 = half_;
            if (part < _e43) {
                i_1 = 0u;
                uint2 loop_bound_7 = uint2(4294967295u);
                bool loop_init_7 = true;
                while(true) {
                    if (metal::all(loop_bound_7 == uint2(0u))) { break; }
                    loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
                    if (!loop_init_7) {
                        uint _e69 = i_1;
                        i_1 = _e69 + 1u;
                    }
                    loop_init_7 = false;
                    uint _e47 = i_1;
                    if (_e47 < TILE_SIZE) {
                    } else {
                        break;
                    }
                    {
                        uint _e50 = i_1;
                        Gates _e52 = acc_6.inner[_e50];
                        uint _e54 = half_;
                        uint _e60 = i_1;
                        Gates _e66 = parts.inner[(((naga_mod(part + _e54, 16u) * TILE_SIZE) + _e60) * UNITS) + unit_8];
                        acc_6.inner[_e50] = _e52 + _e66;
                    }
                }
            }
        }
    }
    return;
}

uint num_rows(
    device Params const& params
) {
    uint _e2 = params.batch;
    return _e2;
}

uint slot_of(
    uint row_6
) {
    return row_6;
}

uint h_prev_of(
    Place place_1,
    uint row_7
) {
    return place_1.h_prev;
}

Matrix phase_matrix(
    Slice slice_6,
    device Params const& params
) {
    Matrix _e2 = gates_matrix(slice_6.w_hh, params);
    return _e2;
}

Source phase_operand(
    Slice slice_7,
    Place place_2,
    device Params const& params
) {
    uint _e7 = params.recurrent_size;
    uint _e10 = params.recurrent_size;
    return Source {false, true, {}, slice_7.h, _e7, _e10};
}

void begin(
    thread Tile& acc_7,
    Place place_3,
    uint unit_4,
    uint local_12,
    device Params const& params,
    device type_4 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    input_part(acc_7, place_3, unit_4, local_12, params, x_proj, _buffer_sizes);
    return;
}

void write_h(
    Place place_4,
    uint row_8,
    uint unit_5,
    bool is_running,
    bool is_active,
    float h_1,
    device Params const& params,
    device type_9& state,
    device type_9& y_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    Slice slice_8 = place_4.slice;
    uint _e8 = slot_of(row_8);
    uint _e11 = params.recurrent_size;
    uint at_6 = (place_4.slice.h + (_e8 * _e11)) + unit_5;
    uint _e15 = h_prev_of(place_4, row_8);
    uint _e18 = params.state_size;
    uint h_next = _e18 - _e15;
    float _e26 = state[_e15 + at_6];
    state[h_next + at_6] = is_active ? h_1 : _e26;
    if (is_running) {
        write_output(slice_8, place_4.step, row_8, unit_5, is_active ? h_1 : 0.0, params, y_1, _buffer_sizes);
        return;
    } else {
        return;
    }
}

void finish(
    Gates pre_1,
    Place place_5,
    uint row_9,
    uint unit_6,
    bool is_running_1,
    bool is_active_1,
    device Params const& params,
    device type_4 const& weights,
    device type_9& state,
    device type_9& y_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    CellState next = {};
    Slice slice_9 = place_5.slice;
    uint _e7 = slot_of(row_9);
    uint _e10 = params.hidden_size;
    uint at_7 = (_e7 * _e10) + unit_6;
    uint _e14 = h_prev_of(place_5, row_9);
    float _e19 = state[(_e14 + place_5.slice.h) + at_7];
    next = CellState {_e19, 0.0};
    if (is_active_1) {
        if (true) {
            float _e29 = state[place_5.slice.c + at_7];
            next.c = _e29;
        }
        CellState _e30 = next;
        CellState _e32 = cell_update(pre_1, _e30, place_5.z, unit_6, params, weights, _buffer_sizes);
        next = _e32;
        if (true) {
            float _e39 = next.c;
            state[place_5.slice.c + at_7] = _e39;
        }
    }
    float _e41 = next.h;
    write_h(place_5, row_9, unit_6, is_running_1, is_active_1, _e41, params, state, y_1, _buffer_sizes);
    return;
}

uint row_start(
    Place place_6,
    Source source,
    uint row_10,
    device Params const& params
) {
    if (source.is_input) {
        uint _e6 = time_of(place_6.slice, place_6.step, row_10, params);
        uint _e9 = params.input_stride_t;
        uint _e13 = params.input_stride_b;
        return (_e6 * _e9) + (row_10 * _e13);
    }
    uint _e17 = h_prev_of(place_6, row_10);
    uint half_1 = source.is_h ? _e17 : 0u;
    uint _e22 = slot_of(row_10);
    return (half_1 + source.base) + (_e22 * source.stride);
}

void stage(
    Place place_7,
    Source source_1,
    uint k0_,
    uint num_quads_1,
    uint local_13,
    device Params const& params,
    threadgroup type_6& tile,
    device type_9 const& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint i_2 = {};
    metal::float4 quad_5 = {};
    i_2 = local_13;
    uint2 loop_bound_8 = uint2(4294967295u);
    bool loop_init_8 = true;
    while(true) {
        if (metal::all(loop_bound_8 == uint2(0u))) { break; }
        loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
        if (!loop_init_8) {
            uint _e64 = i_2;
            i_2 = _e64 + INVOCATIONS;
        }
        loop_init_8 = false;
        uint _e6 = i_2;
        if (_e6 < (ROWS * num_quads_1)) {
        } else {
            break;
        }
        {
            uint _e10 = i_2;
            uint r_5 = naga_div(_e10, num_quads_1);
            uint _e13 = i_2;
            uint k = k0_ + (4u * naga_mod(_e13, num_quads_1));
            uint _e19 = num_rows(params);
            uint _e23 = row_start(place_7, source_1, metal::min(place_7.row + r_5, _e19 - 1u), params);
            uint at_8 = _e23 + k;
            uint left = source_1.size - k;
            float _e28 = operand_at(source_1.is_input, at_8, state, _buffer_sizes);
            quad_5 = metal::float4(_e28, 0.0, 0.0, 0.0);
            if (left > 1u) {
                float _e40 = operand_at(source_1.is_input, at_8 + 1u, state, _buffer_sizes);
                quad_5.y = _e40;
            }
            if (left > 2u) {
                float _e47 = operand_at(source_1.is_input, at_8 + 2u, state, _buffer_sizes);
                quad_5.z = _e47;
            }
            if (left > 3u) {
                float _e54 = operand_at(source_1.is_input, at_8 + 3u, state, _buffer_sizes);
                quad_5.w = _e54;
            }
            metal::float4 _e63 = quad_5;
            tile.inner[(r_5 * TILE_QUADS) + naga_div(k - k0_, 4u)] = _e63;
        }
    }
    return;
}

void multiply(
    thread Tile& acc_8,
    Place place_8,
    Source source_2,
    Matrix matrix_3,
    uint unit_7,
    uint local_14,
    device Params const& params,
    device type_4 const& weights,
    threadgroup type_6& tile,
    device type_9 const& state,
    constant _mslBufferSizes& _buffer_sizes
) {
    SumsOf1_ sums_6 = {};
    uint k0_1 = 0u;
    Column _e6 = columns_of(matrix_3, unit_7);
    uint2 loop_bound_9 = uint2(4294967295u);
    bool loop_init_9 = true;
    while(true) {
        if (metal::all(loop_bound_9 == uint2(0u))) { break; }
        loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
        if (!loop_init_9) {
            uint _e27 = k0_1;
            k0_1 = _e27 + 256u;
        }
        loop_init_9 = false;
        uint _e10 = k0_1;
        if (_e10 < source_2.size) {
        } else {
            break;
        }
        {
            uint _e14 = k0_1;
            uint _e18 = quads_1(metal::min(source_2.size - _e14, 256u));
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e19 = k0_1;
            stage(place_8, source_2, _e19, _e18, local_14, params, tile, state, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e20 = k0_1;
            uint _e23 = k0_1;
            Quads _e26 = own_quads(naga_div(_e23, 4u), _e18, local_14);
            accumulate(sums_6, _e6, naga_div(_e20, 4u), _e26, weights, tile, _buffer_sizes);
        }
    }
    SumsOf1_ _e30 = sums_6;
    add_sums(acc_8, _e30);
    return;
}

struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, device Params const& params [[user(fake0)]]
, device type_4 const& weights [[user(fake0)]]
, threadgroup type_6& tile
, device type_4 const& x_proj [[user(fake0)]]
, device type_9& state [[user(fake0)]]
, device type_9& y_1 [[user(fake0)]]
, threadgroup type_10& parts
, device Clock const& clock [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    if (local == 0u) {
        tile = {};
        parts = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool local_1 = {};
    Tile acc = {};
    bool local_2 = {};
    uint u = 0u;
    uint r = {};
    bool local_3 = {};
    bool local_4 = {};
    Slice slice_10 = params.slices.inner[group.z];
    uint _e9 = params.first_step;
    uint _e12 = clock.step;
    uint step_3 = _e9 + _e12;
    uint first_unit = ((group.x * UNITS) * UNITS_PER_INVOCATION) + naga_mod(local, UNITS);
    uint first_row_1 = group.y * ROWS;
    uint _e27 = params.phase;
    uint _e33 = params.state_size;
    uint h_prev = naga_mod(step_3 + _e27, 2u) * _e33;
    if (step_3 >= slice_10.delay) {
        uint _e43 = params.seq_len;
        local_1 = (step_3 - slice_10.delay) < _e43;
    } else {
        local_1 = false;
    }
    bool is_running_2 = local_1;
    Place place_9 = Place {group.z, slice_10, step_3 - slice_10.delay, first_row_1, h_prev};
    Matrix _e51 = phase_matrix(slice_10, params);
    if (is_running_2) {
        uint _e56 = longest_of(first_row_1, params);
        local_2 = place_9.step < _e56;
    } else {
        local_2 = false;
    }
    bool _e59 = local_2;
    if (_e59) {
        begin(acc, place_9, first_unit, local, params, x_proj, _buffer_sizes);
        Source _e60 = phase_operand(slice_10, place_9, params);
        multiply(acc, place_9, _e60, _e51, first_unit, local, params, weights, tile, state, _buffer_sizes);
        sum_parts(acc, local, parts);
    }
    bool _e61 = is_first(local);
    if (!(_e61)) {
        return;
    }
    uint2 loop_bound_10 = uint2(4294967295u);
    bool loop_init_10 = true;
    while(true) {
        if (metal::all(loop_bound_10 == uint2(0u))) { break; }
        loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
        if (!loop_init_10) {
            uint _e105 = u;
            u = _e105 + 1u;
        }
        loop_init_10 = false;
        uint _e65 = u;
        if (_e65 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e68 = u;
            uint unit_9 = first_unit + (_e68 * UNITS);
            r = 0u;
            uint2 loop_bound_11 = uint2(4294967295u);
            bool loop_init_11 = true;
            while(true) {
                if (metal::all(loop_bound_11 == uint2(0u))) { break; }
                loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
                if (!loop_init_11) {
                    uint _e102 = r;
                    r = _e102 + 1u;
                }
                loop_init_11 = false;
                uint _e74 = r;
                if (_e74 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e77 = r;
                    uint row_12 = first_row_1 + _e77;
                    uint _e79 = num_rows(params);
                    if (row_12 < _e79) {
                        local_3 = unit_9 < _e51.columns;
                    } else {
                        local_3 = false;
                    }
                    bool _e86 = local_3;
                    if (_e86) {
                        if (is_running_2) {
                            uint _e90 = length_of(row_12, params);
                            local_4 = place_9.step < _e90;
                        } else {
                            local_4 = false;
                        }
                        bool is_active_2 = local_4;
                        uint _e94 = u;
                        uint _e97 = r;
                        Gates _e100 = acc.inner[(_e94 * ROWS) + _e97];
                        finish(_e100, place_9, row_12, unit_9, is_running_2, is_active_2, params, weights, state, y_1, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}
