//! The structs that the host writes for kernels, as Rust lays them out.

use std::any::type_name;
use std::collections::BTreeMap;
use std::mem::offset_of;

use wgpu_rnn::kernels::{
    BackwardParams, BackwardSlice, Choice, GatherParams, GradientParams, LastParams, MapParams,
    MatmulParams, RecurrenceParams, Slice as SliceParams, SoftmaxParams, TransposeParams,
    UnpackParams,
};

pub type Structs = BTreeMap<String, Struct>;

#[derive(Debug, PartialEq)]
pub struct Struct {
    pub fields: Vec<Field>,
    pub bytes: u32,
}

#[derive(Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub ty: String,
    pub offset: u32,
}

/// The type of a field, from a function that reads it; without modules.
fn type_of<S, F>(_: fn(S) -> F) -> String {
    let name = type_name::<F>();
    let start = name.rfind("::").map_or(0, |at| at + 2);
    let bracket = if name.starts_with('[') { "[" } else { "" };
    format!("{}{}", if start == 0 { "" } else { bracket }, &name[start..])
}

/// A host struct. It names every field, else it does not compile.
macro_rules! host_struct {
    ($struct:ident { $($field:ident),* $(,)? }) => {{
        let _is_complete = |all: $struct| { let $struct { $($field: _),* } = all; };
        let fields = vec![$(Field {
            name: stringify!($field).into(),
            ty: type_of(|all: $struct| all.$field),
            offset: offset_of!($struct, $field) as u32,
        }),*];
        Struct { fields, bytes: size_of::<$struct>() as u32 }
    }};
}

/// What the host writes to binding 0, by the names in WGSL.
pub fn host_structs() -> Structs {
    let matmul = host_struct!(MatmulParams {
        rows,
        inner,
        columns,
        features,
        batch,
        first_step,
        seq_len,
        a_first,
        stride_t,
        stride_b,
        stride_z,
        bias,
        weights,
        weights_stride,
        reverse,
        num_slices,
        out_row,
        kept_lanes,
    });
    let gather = host_struct!(GatherParams {
        rows,
        batch,
        first_step,
        seq_len,
        stride_t,
        stride_b,
        table_rows,
        hidden_size,
        gates,
        lanes,
        row_size,
        bias,
        bias_stride,
        reverse,
        num_slices,
    });
    let gradient = host_struct!(GradientParams {
        rows,
        inner,
        columns,
        batch,
        d_row,
        first_step,
        seq_len,
        chunk,
        a_first,
        stride_t,
        stride_b,
        stride_z,
        weights,
        weights_stride,
        reverse,
        num_slices,
        slice,
        ones,
        d_first,
        kept_lanes,
        accumulate,
    });
    let transpose = host_struct!(TransposeParams {
        hidden_size,
        recurrent_size,
        row_words,
        t_words,
        w_hh,
        peepholes,
        weights_stride,
        out_stride,
        out_start,
        has_peepholes,
    });
    let unpack = host_struct!(UnpackParams {
        units,
        columns,
        first,
        row_stride,
        unit_stride,
        out,
        accumulate,
        lanes,
    });
    let backward = host_struct!(BackwardParams {
        hidden_size,
        recurrent_size,
        row_words,
        t_words,
        batch,
        seq_len,
        chunk_step,
        first_step,
        num_steps,
        first_tick,
        output_stride_t,
        output_stride_b,
        c_seq,
        h_inner,
        exchange,
        accumulate,
        num_slices,
        slices,
    });
    let backward_slice = host_struct!(BackwardSlice {
        w_t,
        w_hr_t,
        carry_h,
        carry_c,
        h0,
        c_before,
        c_after,
        output,
        reverse,
        first_row,
        delay,
        w_above,
        d_peepholes,
        choice,
    });
    let recurrence = host_struct!(RecurrenceParams {
        hidden_size,
        recurrent_size,
        row_words,
        batch,
        seq_len,
        first_step,
        num_steps,
        phase,
        state_size,
        exchange_size,
        input_stride_t,
        input_stride_b,
        output_stride_t,
        output_stride_b,
        num_slices,
        padding,
        slices,
    });
    let slice = host_struct!(SliceParams {
        bias,
        w_ih,
        w_hh,
        w_hr,
        input_size,
        h,
        c,
        exchange,
        below,
        delay,
        reverse,
        output,
        choice,
    });
    let choice = host_struct!(Choice {
        f,
        f_alpha,
        f_beta,
        g,
        g_alpha,
        g_beta,
        h,
        h_alpha,
        h_beta,
        coupled,
        preact_clip,
        cell_clip,
        peepholes,
        padding_0,
        padding_1,
        padding_2,
    });
    let map = host_struct!(MapParams { elements, groups });
    let softmax = host_struct!(SoftmaxParams { rows, features, groups });
    let last = host_struct!(LastParams {
        batch,
        features,
        seq_len,
        first,
        stride_t,
        stride_b,
        part,
        stride_part,
        groups,
    });
    // The clock is a buffer of bare numbers (gpu/mod.rs).
    let step = Field { name: "step".into(), ty: "u32".into(), offset: 0 };
    let clock = Struct { fields: vec![step], bytes: 4 };
    let all = [
        ("GatherParams", gather),
        ("GradientParams", gradient),
        ("TransposeParams", transpose),
        ("UnpackParams", unpack),
        ("BackwardParams", backward),
        ("BackwardSlice", backward_slice),
        ("MatmulParams", matmul),
        ("Params", recurrence),
        ("Slice", slice),
        ("Choice", choice),
        ("MapParams", map),
        ("SoftmaxParams", softmax),
        ("LastParams", last),
        ("Clock", clock),
    ];
    all.map(|(name, all)| (name.to_string(), all)).into()
}
