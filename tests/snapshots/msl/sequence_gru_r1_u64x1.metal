// language: metal2.0
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size2;
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
typedef metal::float4x4 Quad;
typedef metal::float4 SumsOf1_;
typedef metal::float2x4 SumsOf2_;
typedef metal::float4x4 SumsOf4_;
typedef metal::float4 BlockOperand;
struct type_5 {
    float inner[128];
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
typedef Gates type_7[1];
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
    float inner[1];
};
constant uint UNITS = 64u;
constant uint COPIES = 2u;
constant uint SPLIT = 1u;
constant uint ROWS = 1u;
constant uint UNITS_PER_INVOCATION = 1u;
constant uint MAX_SLICES = 16u;
constant uint HAS_C = 0u;
constant uint IS_CHOSEN = 0u;
constant uint CAPACITY = 64u;
constant uint COPY_SIZE = 64u;
constant uint TILE_SIZE = 1u;
constant uint NONE = 4294967295u;
constant uint INVOCATIONS = 64u;

float sigmoid(
    float x
) {
    float e = metal::exp(-(metal::abs(x)));
    float r_7 = 1.0 / (1.0 + e);
    return (x >= 0.0) ? r_7 : (e * r_7);
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

float clipped(
    float pre,
    uint slice_3,
    device Params const& params
) {
    if (false) {
        float _e8 = params.slices.inner[slice_3].choice.preact_clip;
        float _e9 = clip(pre, _e8);
        return _e9;
    }
    return pre;
}

float gate(
    float pre_1,
    uint slice_4,
    device Params const& params
) {
    float _e2 = clipped(pre_1, slice_4, params);
    float _e3 = activate_f(_e2, slice_4);
    return _e3;
}

float candidate(
    float pre_2,
    uint slice_5,
    device Params const& params
) {
    float _e2 = clipped(pre_2, slice_5, params);
    float _e3 = activate_g(_e2, slice_5);
    return _e3;
}

CellState cell_update(
    Gates pre_3,
    CellState prev,
    uint slice_6,
    uint unit,
    device Params const& params
) {
    float _e5 = gate(pre_3.x, slice_6, params);
    float _e7 = gate(pre_3.y, slice_6, params);
    float _e12 = candidate(pre_3.z + (_e5 * pre_3.w), slice_6, params);
    return CellState {((1.0 - _e7) * _e12) + (_e7 * prev.h), 0.0};
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
    uint copy_1,
    uint row_2,
    uint quad_,
    threadgroup type_5& h_1
) {
    uint at_3 = (copy_1 + (row_2 * CAPACITY)) + (4u * quad_);
    float _e11 = h_1.inner[at_3];
    float _e16 = h_1.inner[at_3 + 1u];
    float _e21 = h_1.inner[at_3 + 2u];
    float _e26 = h_1.inner[at_3 + 3u];
    return metal::float4(_e11, _e16, _e21, _e26);
}

BlockOperand block_operand(
    uint at,
    uint row_3,
    uint quad_1,
    threadgroup type_5& h_1
) {
    metal::float4 _e3 = operand_quad(at, row_3, quad_1, h_1);
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
    thread Tile& acc,
    uint first,
    SumsOf1_ sums
) {
    Gates _e4 = acc.inner[first];
    acc.inner[first] = _e4 + sums;
    return;
}

BlockOperand operand(
    uint at_1,
    uint quad_2,
    threadgroup type_5& h_1
) {
    BlockOperand _e3 = block_operand(at_1, 0u, quad_2, h_1);
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
    thread Tile& acc_1,
    uint first_1,
    SumsOf1_ sums_2
) {
    add_block(acc_1, first_1, sums_2);
    return;
}

uint column(
    Matrix matrix_,
    uint unit_1,
    uint u_3
) {
    return metal::min(unit_1 + (u_3 * UNITS), matrix_.columns - 1u);
}

Gates load_scale(
    uint first_2,
    uint row_words,
    uint column_1
) {
    return Gates {};
}

Column column_of(
    Matrix matrix_1,
    uint first_3,
    uint u_4
) {
    uint _e3 = column(matrix_1, first_3, u_4);
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
    device type_7 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e3 = weights[index];
    return _e3;
}

Quad load_quad(
    Column column_2,
    uint quad_3,
    device type_7 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint at_4 = column_2.first + ((4u * quad_3) * column_2.stride);
    Gates _e8 = load_packed(at_4, weights, _buffer_sizes);
    Gates _e10 = unpacked(_e8, column_2.scale);
    Gates _e13 = load_packed(at_4 + column_2.stride, weights, _buffer_sizes);
    Gates _e15 = unpacked(_e13, column_2.scale);
    Gates _e20 = load_packed(at_4 + (2u * column_2.stride), weights, _buffer_sizes);
    Gates _e22 = unpacked(_e20, column_2.scale);
    Gates _e27 = load_packed(at_4 + (3u * column_2.stride), weights, _buffer_sizes);
    Gates _e29 = unpacked(_e27, column_2.scale);
    return Quad(_e10, _e15, _e22, _e29);
}

SumsOf1_ plus_products(
    SumsOf1_ sums_3,
    Column columns,
    BlockOperand v_3,
    uint quad_4,
    device type_7 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Quad _e4 = load_quad(columns, quad_4, weights, _buffer_sizes);
    SumsOf1_ _e5 = plus_product(sums_3, _e4, v_3);
    return _e5;
}

void add_sums(
    thread Tile& acc_2,
    SumsOf1_ sums_4
) {
    add_rows(acc_2, 0u, sums_4);
    return;
}

void accumulate(
    thread SumsOf1_& sums_5,
    Column columns_1,
    uint at_2,
    Quads quads,
    threadgroup type_5& h_1,
    device type_7 const& weights,
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
            BlockOperand _e11 = operand(at_2, _e10, h_1);
            uint _e12 = q;
            SumsOf1_ _e13 = plus_products(_e9, columns_1, _e11, _e12, weights, _buffer_sizes);
            sums_5 = _e13;
        }
    }
    return;
}

Gates load_full(
    uint row_4,
    uint column_3,
    device type_7 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Gates _e5 = weights[row_4 + column_3];
    return _e5;
}

bool is_first(
    uint local_7
) {
    bool local_8 = {};
    if (false) {
        local_8 = local_7 < UNITS;
    } else {
        local_8 = true;
    }
    bool _e7 = local_8;
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
    thread Tile& acc_3,
    Place place,
    uint unit_2,
    uint local_9,
    device Params const& params,
    device type_7 const& x_proj,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint r_2 = 0u;
    uint u_5 = {};
    bool _e4 = is_first(local_9);
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
            uint _e63 = r_2;
            r_2 = _e63 + 1u;
        }
        loop_init_1 = false;
        uint _e15 = r_2;
        if (_e15 < ROWS) {
        } else {
            break;
        }
        {
            uint _e19 = r_2;
            uint _e23 = params.batch;
            uint row_7 = metal::min(place.row + _e19, _e23 - 1u);
            uint _e29 = params.batch;
            uint _e34 = params.num_slices;
            uint at_5 = (((step_2 * _e29) + row_7) * _e34) + place.z;
            u_5 = 0u;
            uint2 loop_bound_2 = uint2(4294967295u);
            bool loop_init_2 = true;
            while(true) {
                if (metal::all(loop_bound_2 == uint2(0u))) { break; }
                loop_bound_2 -= uint2(loop_bound_2.y == 0u, 1u);
                if (!loop_init_2) {
                    uint _e60 = u_5;
                    u_5 = _e60 + 1u;
                }
                loop_init_2 = false;
                uint _e40 = u_5;
                if (_e40 < UNITS_PER_INVOCATION) {
                } else {
                    break;
                }
                {
                    uint _e43 = u_5;
                    uint _e46 = r_2;
                    uint _e52 = params.row_words;
                    uint _e54 = u_5;
                    uint _e55 = column(_e12, unit_2, _e54);
                    Gates _e58 = x_proj[(at_5 * _e52) + _e55];
                    acc_3.inner[(_e43 * ROWS) + _e46] = _e58;
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
    uint local_10
) {
    return Quads {first_6 + naga_div(local_10, UNITS), first_6 + num_quads, SPLIT};
}

void fill(
    thread Tile& acc_4,
    uint u_6,
    Gates value
) {
    uint r_3 = 0u;
    uint2 loop_bound_3 = uint2(4294967295u);
    bool loop_init_3 = true;
    while(true) {
        if (metal::all(loop_bound_3 == uint2(0u))) { break; }
        loop_bound_3 -= uint2(loop_bound_3.y == 0u, 1u);
        if (!loop_init_3) {
            uint _e14 = r_3;
            r_3 = _e14 + 1u;
        }
        loop_init_3 = false;
        uint _e5 = r_3;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e10 = r_3;
            acc_4.inner[(u_6 * ROWS) + _e10] = value;
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
    Slice slice_7,
    uint step,
    uint row_5,
    device Params const& params
) {
    bool local_11 = {};
    uint _e3 = length_of(row_5, params);
    if (slice_7.reverse != 0u) {
        local_11 = step < _e3;
    } else {
        local_11 = false;
    }
    bool _e14 = local_11;
    return _e14 ? ((_e3 - 1u) - step) : step;
}

void write_output(
    Slice slice_8,
    uint step_1,
    uint row_6,
    uint unit_3,
    float h,
    device Params const& params,
    device type_9& y_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (slice_8.output != NONE) {
        uint _e8 = time_of(slice_8, step_1, row_6, params);
        uint _e12 = params.output_stride_t;
        uint _e16 = params.output_stride_b;
        y_1[(((_e8 * _e12) + (row_6 * _e16)) + slice_8.output) + unit_3] = h;
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
    uint r_4 = 0u;
    uint2 loop_bound_4 = uint2(4294967295u);
    bool loop_init_4 = true;
    while(true) {
        if (metal::all(loop_bound_4 == uint2(0u))) { break; }
        loop_bound_4 -= uint2(loop_bound_4.y == 0u, 1u);
        if (!loop_init_4) {
            uint _e14 = r_4;
            r_4 = _e14 + 1u;
        }
        loop_init_4 = false;
        uint _e5 = r_4;
        if (_e5 < ROWS) {
        } else {
            break;
        }
        {
            uint _e8 = longest;
            uint _e9 = r_4;
            uint _e11 = length_of(first_row + _e9, params);
            longest = metal::max(_e8, _e11);
        }
    }
    uint _e16 = longest;
    return _e16;
}

void sum_parts(
    thread Tile& acc_5,
    uint local_12
) {
    return;
}

void prepare(
    Place place_1,
    uint local_13
) {
    return;
}

void multiply(
    thread Tile& acc_6,
    Matrix matrix_3,
    uint copy_2,
    uint size_1,
    uint local_14,
    threadgroup type_5& h_1,
    device type_7 const& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    SumsOf1_ sums_6 = {};
    Column _e6 = columns_of(matrix_3, local_14);
    uint _e8 = quads_1(size_1);
    Quads _e9 = own_quads(0u, _e8, local_14);
    accumulate(sums_6, _e6, copy_2, _e9, h_1, weights, _buffer_sizes);
    SumsOf1_ _e10 = sums_6;
    add_sums(acc_6, _e10);
    return;
}

void write_h(
    Place place_2,
    uint r_5,
    uint unit_4,
    uint h_read,
    uint h_write,
    float value_1,
    device Params const& params,
    threadgroup type_5& h_1,
    device type_9& y_1,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint row_8 = place_2.row + r_5;
    uint at_6 = (r_5 * CAPACITY) + unit_4;
    uint _e12 = length_of(row_8, params);
    bool is_active = place_2.step < _e12;
    float _e20 = h_1.inner[h_read + at_6];
    h_1.inner[h_write + at_6] = is_active ? value_1 : _e20;
    uint _e24 = params.batch;
    if (row_8 < _e24) {
        write_output(place_2.slice, place_2.step, row_8, unit_4, is_active ? value_1 : 0.0, params, y_1, _buffer_sizes);
        return;
    } else {
        return;
    }
}

void update(
    thread Tile& acc_7,
    Place place_3,
    uint local_15,
    uint h_read_1,
    uint h_write_1,
    device Params const& params,
    threadgroup type_5& h_1,
    device type_9& y_1,
    thread type_10& c,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint u_7 = 0u;
    uint r_6 = {};
    bool local_16 = {};
    bool _e5 = is_first(local_15);
    if (!(_e5)) {
        return;
    }
    Matrix _e8 = gates_matrix(0u, params);
    uint2 loop_bound_5 = uint2(4294967295u);
    bool loop_init_5 = true;
    while(true) {
        if (metal::all(loop_bound_5 == uint2(0u))) { break; }
        loop_bound_5 -= uint2(loop_bound_5.y == 0u, 1u);
        if (!loop_init_5) {
            uint _e70 = u_7;
            u_7 = _e70 + 1u;
        }
        loop_init_5 = false;
        uint _e11 = u_7;
        if (_e11 < UNITS_PER_INVOCATION) {
        } else {
            break;
        }
        {
            uint _e14 = u_7;
            uint unit_5 = local_15 + (_e14 * UNITS);
            r_6 = 0u;
            uint2 loop_bound_6 = uint2(4294967295u);
            bool loop_init_6 = true;
            while(true) {
                if (metal::all(loop_bound_6 == uint2(0u))) { break; }
                loop_bound_6 -= uint2(loop_bound_6.y == 0u, 1u);
                if (!loop_init_6) {
                    uint _e67 = r_6;
                    r_6 = _e67 + 1u;
                }
                loop_init_6 = false;
                uint _e20 = r_6;
                if (_e20 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e23 = u_7;
                    uint _e26 = r_6;
                    uint i = (_e23 * ROWS) + _e26;
                    uint _e29 = r_6;
                    float _e35 = h_1.inner[(h_read_1 + (_e29 * CAPACITY)) + unit_5];
                    float _e38 = c.inner[i];
                    CellState prev_1 = CellState {_e35, _e38};
                    Gates _e41 = acc_7.inner[i];
                    uint _e43 = u_7;
                    uint _e44 = column(_e8, local_15, _e43);
                    CellState _e45 = cell_update(_e41, prev_1, place_3.z, _e44, params);
                    uint _e48 = params.hidden_size;
                    if (unit_5 < _e48) {
                        if (false) {
                            uint _e55 = r_6;
                            uint _e57 = length_of(place_3.row + _e55, params);
                            local_16 = place_3.step < _e57;
                        } else {
                            local_16 = false;
                        }
                        bool _e60 = local_16;
                        if (_e60) {
                            c.inner[i] = _e45.c;
                        }
                        uint _e64 = r_6;
                        write_h(place_3, _e64, unit_5, h_read_1, h_write_1, _e45.h, params, h_1, y_1, _buffer_sizes);
                    }
                }
            }
        }
    }
    return;
}

void advance(
    Place place_4,
    uint local_17,
    uint h_read_2,
    uint h_write_2,
    device Params const& params,
    threadgroup type_5& h_1,
    device type_7 const& weights,
    device type_7 const& x_proj,
    device type_9& y_1,
    thread type_10& c,
    constant _mslBufferSizes& _buffer_sizes
) {
    Tile acc_8 = {};
    Matrix _e6 = gates_matrix(place_4.slice.w_hh, params);
    input_part(acc_8, place_4, local_17, local_17, params, x_proj, _buffer_sizes);
    uint _e10 = params.recurrent_size;
    multiply(acc_8, _e6, h_read_2, _e10, local_17, h_1, weights, _buffer_sizes);
    update(acc_8, place_4, local_17, h_read_2, h_write_2, params, h_1, y_1, c, _buffer_sizes);
    return;
}
uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct main_Input {
};
kernel void main_(
  metal::uint3 group [[threadgroup_position_in_grid]]
, uint local [[thread_index_in_threadgroup]]
, device Params const& params [[user(fake0)]]
, threadgroup type_5& h_1
, device type_7 const& weights [[user(fake0)]]
, device type_7 const& x_proj [[user(fake0)]]
, device type_9& state [[user(fake0)]]
, device type_9& y_1 [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    type_10 c = {};
    if (local == 0u) {
        h_1 = {};
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint u = 0u;
    uint r = {};
    uint copy = {};
    bool local_1 = {};
    bool local_2 = {};
    bool local_3 = {};
    uint s = 0u;
    uint s_1 = {};
    uint u_1 = {};
    uint row = {};
    uint u_2 = 0u;
    uint r_1 = {};
    bool local_4 = {};
    bool local_5 = {};
    bool local_6 = {};
    Slice slice_9 = params.slices.inner[group.y];
    uint first_row_1 = group.x * ROWS;
    uint _e12 = params.phase;
    uint _e15 = params.state_size;
    uint h_at = (_e12 * _e15) + slice_9.h;
    bool _e21 = is_first(local);
    uint own_units = _e21 ? UNITS_PER_INVOCATION : 0u;
    uint2 loop_bound_7 = uint2(4294967295u);
    bool loop_init_7 = true;
    while(true) {
        if (metal::all(loop_bound_7 == uint2(0u))) { break; }
        loop_bound_7 -= uint2(loop_bound_7.y == 0u, 1u);
        if (!loop_init_7) {
            uint _e122 = u;
            u = _e122 + 1u;
        }
        loop_init_7 = false;
        uint _e25 = u;
        if (_e25 < own_units) {
        } else {
            break;
        }
        {
            uint _e27 = u;
            uint unit_6 = local + (_e27 * UNITS);
            r = 0u;
            uint2 loop_bound_8 = uint2(4294967295u);
            bool loop_init_8 = true;
            while(true) {
                if (metal::all(loop_bound_8 == uint2(0u))) { break; }
                loop_bound_8 -= uint2(loop_bound_8.y == 0u, 1u);
                if (!loop_init_8) {
                    uint _e119 = r;
                    r = _e119 + 1u;
                }
                loop_init_8 = false;
                uint _e33 = r;
                if (_e33 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e36 = r;
                    uint row_9 = first_row_1 + _e36;
                    copy = 0u;
                    uint2 loop_bound_9 = uint2(4294967295u);
                    bool loop_init_9 = true;
                    while(true) {
                        if (metal::all(loop_bound_9 == uint2(0u))) { break; }
                        loop_bound_9 -= uint2(loop_bound_9.y == 0u, 1u);
                        if (!loop_init_9) {
                            uint _e55 = copy;
                            copy = _e55 + 1u;
                        }
                        loop_init_9 = false;
                        uint _e40 = copy;
                        if (_e40 < COPIES) {
                        } else {
                            break;
                        }
                        {
                            uint _e44 = copy;
                            uint _e47 = r;
                            h_1.inner[((_e44 * COPY_SIZE) + (_e47 * CAPACITY)) + unit_6] = 0.0;
                        }
                    }
                    uint _e59 = params.batch;
                    if (row_9 < _e59) {
                        uint _e65 = params.recurrent_size;
                        local_1 = unit_6 < _e65;
                    } else {
                        local_1 = false;
                    }
                    bool _e68 = local_1;
                    if (_e68) {
                        uint _e70 = r;
                        uint _e78 = params.recurrent_size;
                        float _e83 = state[(h_at + (row_9 * _e78)) + unit_6];
                        h_1.inner[(_e70 * CAPACITY) + unit_6] = _e83;
                    }
                    if (false) {
                        uint _e89 = params.batch;
                        local_2 = row_9 < _e89;
                    } else {
                        local_2 = false;
                    }
                    bool _e92 = local_2;
                    if (_e92) {
                        uint _e97 = params.hidden_size;
                        local_3 = unit_6 < _e97;
                    } else {
                        local_3 = false;
                    }
                    bool _e100 = local_3;
                    if (_e100) {
                        uint _e102 = u;
                        uint _e105 = r;
                        uint _e112 = params.hidden_size;
                        float _e117 = state[(slice_9.c + (row_9 * _e112)) + unit_6];
                        c.inner[(_e102 * ROWS) + _e105] = _e117;
                    }
                }
            }
        }
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e124 = longest_of(first_row_1, params);
    uint _e127 = params.first_step;
    uint _e131 = params.first_step;
    uint _e135 = params.num_steps;
    uint active_steps = metal::min(metal::max(_e124, _e127) - _e131, _e135);
    uint _e140 = params.first_step;
    prepare(Place {group.y, slice_9, _e140, first_row_1, h_at}, local);
    uint2 loop_bound_10 = uint2(4294967295u);
    bool loop_init_10 = true;
    while(true) {
        if (metal::all(loop_bound_10 == uint2(0u))) { break; }
        loop_bound_10 -= uint2(loop_bound_10.y == 0u, 1u);
        if (!loop_init_10) {
            uint _e161 = s;
            s = _e161 + 1u;
        }
        loop_init_10 = false;
        uint _e144 = s;
        if (_e144 < active_steps) {
        } else {
            break;
        }
        {
            uint _e146 = s;
            uint h_read_3 = naga_mod(_e146, 2u) * COPY_SIZE;
            uint _e154 = params.first_step;
            uint _e155 = s;
            advance(Place {group.y, slice_9, _e154 + _e155, first_row_1, h_at}, local, h_read_3, COPY_SIZE - h_read_3, params, h_1, weights, x_proj, y_1, c, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        }
    }
    s_1 = active_steps;
    uint2 loop_bound_11 = uint2(4294967295u);
    bool loop_init_11 = true;
    while(true) {
        if (metal::all(loop_bound_11 == uint2(0u))) { break; }
        loop_bound_11 -= uint2(loop_bound_11.y == 0u, 1u);
        if (!loop_init_11) {
            uint _e204 = s_1;
            s_1 = _e204 + 1u;
        }
        loop_init_11 = false;
        uint _e164 = s_1;
        uint _e167 = params.num_steps;
        if (_e164 < _e167) {
        } else {
            break;
        }
        {
            u_1 = 0u;
            uint2 loop_bound_12 = uint2(4294967295u);
            bool loop_init_12 = true;
            while(true) {
                if (metal::all(loop_bound_12 == uint2(0u))) { break; }
                loop_bound_12 -= uint2(loop_bound_12.y == 0u, 1u);
                if (!loop_init_12) {
                    uint _e201 = u_1;
                    u_1 = _e201 + 1u;
                }
                loop_init_12 = false;
                uint _e171 = u_1;
                if (_e171 < own_units) {
                } else {
                    break;
                }
                {
                    uint _e173 = u_1;
                    uint unit_7 = local + (_e173 * UNITS);
                    row = first_row_1;
                    uint2 loop_bound_13 = uint2(4294967295u);
                    bool loop_init_13 = true;
                    while(true) {
                        if (metal::all(loop_bound_13 == uint2(0u))) { break; }
                        loop_bound_13 -= uint2(loop_bound_13.y == 0u, 1u);
                        if (!loop_init_13) {
                            uint _e198 = row;
                            row = _e198 + 1u;
                        }
                        loop_init_13 = false;
                        uint _e178 = row;
                        uint _e183 = params.batch;
                        if (_e178 < metal::min(first_row_1 + ROWS, _e183)) {
                        } else {
                            break;
                        }
                        {
                            uint _e188 = params.recurrent_size;
                            if (unit_7 < _e188) {
                                uint _e192 = params.first_step;
                                uint _e193 = s_1;
                                uint _e195 = row;
                                write_output(slice_9, _e192 + _e193, _e195, unit_7, 0.0, params, y_1, _buffer_sizes);
                            }
                        }
                    }
                }
            }
        }
    }
    uint h_last = naga_mod(active_steps, 2u) * COPY_SIZE;
    uint2 loop_bound_14 = uint2(4294967295u);
    bool loop_init_14 = true;
    while(true) {
        if (metal::all(loop_bound_14 == uint2(0u))) { break; }
        loop_bound_14 -= uint2(loop_bound_14.y == 0u, 1u);
        if (!loop_init_14) {
            uint _e291 = u_2;
            u_2 = _e291 + 1u;
        }
        loop_init_14 = false;
        uint _e212 = u_2;
        if (_e212 < own_units) {
        } else {
            break;
        }
        {
            uint _e214 = u_2;
            uint unit_8 = local + (_e214 * UNITS);
            r_1 = 0u;
            uint2 loop_bound_15 = uint2(4294967295u);
            bool loop_init_15 = true;
            while(true) {
                if (metal::all(loop_bound_15 == uint2(0u))) { break; }
                loop_bound_15 -= uint2(loop_bound_15.y == 0u, 1u);
                if (!loop_init_15) {
                    uint _e288 = r_1;
                    r_1 = _e288 + 1u;
                }
                loop_init_15 = false;
                uint _e220 = r_1;
                if (_e220 < ROWS) {
                } else {
                    break;
                }
                {
                    uint _e223 = r_1;
                    uint row_10 = first_row_1 + _e223;
                    uint _e227 = params.batch;
                    if (row_10 < _e227) {
                        uint _e233 = params.recurrent_size;
                        local_4 = unit_8 < _e233;
                    } else {
                        local_4 = false;
                    }
                    bool _e236 = local_4;
                    if (_e236) {
                        uint _e240 = params.recurrent_size;
                        uint _e246 = r_1;
                        float _e252 = h_1.inner[(h_last + (_e246 * CAPACITY)) + unit_8];
                        state[(h_at + (row_10 * _e240)) + unit_8] = _e252;
                    }
                    if (false) {
                        uint _e258 = params.batch;
                        local_5 = row_10 < _e258;
                    } else {
                        local_5 = false;
                    }
                    bool _e261 = local_5;
                    if (_e261) {
                        uint _e266 = params.hidden_size;
                        local_6 = unit_8 < _e266;
                    } else {
                        local_6 = false;
                    }
                    bool _e269 = local_6;
                    if (_e269) {
                        uint _e274 = params.hidden_size;
                        uint _e280 = u_2;
                        uint _e283 = r_1;
                        float _e286 = c.inner[(_e280 * ROWS) + _e283];
                        state[(slice_9.c + (row_10 * _e274)) + unit_8] = _e286;
                    }
                }
            }
        }
    }
    return;
}
