//! The CPU reference against PyTorch, so that what every kernel is compared with is itself no invention of this crate.

mod common;

use common::compare::compare;
use common::fixture::{self, Fixture};
use wgpu_rnn::Function;
use wgpu_rnn::ndarray::{ArrayD, arr1, arr2};
use wgpu_rnn::reference::{self, Inputs};

/// Both compute in f64; PyTorch's results were rounded to f32 once, by at most 2^-24 = 6e-8 of an element. The rest is
/// the order of summation, amplified where a gate's argument is in the hundreds.
const TOLERANCE: f64 = 1e-7;

fn check(fixture: &Fixture) -> Result<(), String> {
    let (x, lengths) = (fixture.input_tbi(), fixture.lengths());
    let (h0, c0) = (fixture.state3("h0"), fixture.state3("c0"));
    let outputs = reference::forward(
        &fixture.weights(),
        &Inputs {
            x: x.view(),
            h0: h0.as_ref().map(|state| state.view()),
            c0: c0.as_ref().map(|state| state.view()),
            lengths: lengths.as_deref(),
        },
    );
    let expected = [
        ("y", outputs.y, Some(fixture.output_tbh())),
        ("h_n", outputs.h_n, fixture.state3("h_n")),
        ("c_n", outputs.c_n, fixture.state3("c_n")),
    ];
    for (name, given, expected) in expected {
        let Some(expected) = expected else {
            // A cell without c leaves it at zero.
            assert!(!fixture.cell().has_c() && given.iter().all(|c| *c == 0.0), "{name}");
            continue;
        };
        compare(name, &given.into_dyn(), &expected.mapv(f64::from).into_dyn(), TOLERANCE)
            .verdict()?;
    }
    Ok(())
}

#[test]
fn the_reference_computes_what_pytorch_does() {
    let failures: Vec<String> = fixture::all()
        .iter()
        .filter_map(|fixture| Some(format!("{}: {}", fixture.name, check(fixture).err()?)))
        .collect();
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

/// `torch.log_softmax`, `torch.softmax`, `torch.sigmoid`, `torch.tanh` and `torch.relu` of the same, in f64.
#[test]
fn functions_are_those_of_pytorch() {
    let x = arr2(&[[1.0, -2.0, 0.5], [1e4, 9999.0, -1e4]]).into_dyn();
    let expected = [
        (Function::Relu, [[1.0, 0.0, 0.5], [1e4, 9999.0, 0.0]]),
        (
            Function::Tanh,
            [[0.761_594_155_956, -0.964_027_580_076, 0.462_117_157_26], [1.0, 1.0, -1.0]],
        ),
        (
            Function::Sigmoid,
            [[0.731_058_578_63, 0.119_202_922_022, 0.622_459_331_202], [1.0, 1.0, 0.0]],
        ),
        (
            Function::Softmax,
            [
                [0.603_748_896_148_6, 0.030_058_887_569_6, 0.366_192_216_281_8],
                [0.731_058_578_63, 0.268_941_421_37, 0.0],
            ],
        ),
        (
            Function::LogSoftmax,
            [
                [-0.504_596_902_342_3, -3.504_596_902_342_3, -1.004_596_902_342_3],
                [-0.313_261_687_518_2, -1.313_261_687_518_2, -20_000.313_261_687_5],
            ],
        ),
    ];
    for (function, expected) in expected {
        let y = reference::function(function, &x);
        compare("y", &y, &arr2(&expected).into_dyn(), 1e-10).verdict().unwrap();
    }
    for row in [[f64::NAN, 0.0], [f64::NEG_INFINITY; 2], [f64::INFINITY, 0.0]] {
        for function in [Function::Softmax, Function::LogSoftmax] {
            let y = reference::function(function, &arr1(&row).into_dyn());
            assert!(y.iter().all(|y| y.is_nan()), "{function:?} of {row:?}: {y}");
        }
    }
}

/// The cases must cover what they are there for.
#[test]
fn the_cases_cover_every_cell_and_feature() {
    let all = fixture::all();
    for cell in ["lstm_", "gru_", "rnn_tanh_", "rnn_relu_"] {
        let of_cell = || all.iter().filter(|fixture| fixture.name.starts_with(cell));
        for flag in ["batch_first", "bidirectional", "has_initial_state", "packed", "has_grad"] {
            assert!(of_cell().any(|fixture| fixture.flag(flag)), "{cell}: no case with {flag}");
        }
        for flag in ["bias", "batched"] {
            assert!(of_cell().any(|fixture| !fixture.flag(flag)), "{cell}: no case without {flag}");
        }
        assert!(of_cell().any(|fixture| fixture.text("input_scale") == "100"), "{cell}");
        assert!(of_cell().any(|fixture| fixture.text("num_layers") != "1"), "{cell}");
    }
}

/// What a comparison itself must refuse.
#[test]
fn comparisons_can_fail() {
    let right = ArrayD::from_shape_vec(vec![2, 3], vec![0.5f32; 6]).unwrap();
    let expected = right.mapv(f64::from);
    compare("equal", &right, &expected, 1e-9).verdict().unwrap();
    let mut wrong = right.clone();
    wrong[[1, 2]] = f32::NAN;
    let message = compare("y", &wrong, &expected, 1e30).verdict().unwrap_err();
    assert!(message.contains("y[1, 2]") && message.contains("NaN"), "{message}");
    wrong[[1, 2]] = 0.6;
    let message = compare("y", &wrong, &expected, 1e-2).verdict().unwrap_err();
    assert!(message.contains("y[1, 2]") && message.contains("10.0 times"), "{message}");
    compare("y", &wrong, &expected, 0.2).verdict().unwrap();
    // The scale is that of the largest expected value, never below 1.
    compare("y", &(&right * 100.0), &(&expected * 100.004), 1e-4).verdict().unwrap();
    for shape in [vec![2, 2], vec![6], vec![3, 2], vec![1, 2, 3]] {
        let short = ArrayD::from_elem(shape, 0.5f32);
        assert!(compare("y", &short, &expected, 1e30).verdict().is_err(), "{:?}", short.shape());
    }
    let empty = ArrayD::<f32>::zeros(vec![0, 3]);
    let message = compare("y", &empty, &empty.mapv(f64::from), 1e30).verdict().unwrap_err();
    assert!(message.contains("nothing"), "{message}");
    // An expected NaN or infinity is equal to nothing.
    for bad in [f64::NAN, f64::INFINITY] {
        let mut expected = expected.clone();
        expected[[0, 0]] = bad;
        assert!(compare("y", &right, &expected, 1e30).verdict().is_err(), "{bad}");
    }
}
