//! Every case of PyTorch on every schedule and adapter.

use crate::common::compare::compare;
use crate::common::fixture::{self, Fixture};
use crate::common::trials::{GpuTest, Outcome};
use wgpu_rnn::{
    Cell, Gpu, GruKind, Kind, Layer, LayerConfig, LstmKind, Options, RnnKind, Schedule,
};

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in Schedule::ALL {
        for fixture in fixture::all() {
            let sizes = fixture.weights().sizes();
            let is_stack = sizes.num_layers > 1 && !sizes.is_bidirectional();
            if schedule == Schedule::Wavefront && (!is_stack || sizes.proj_size > 0) {
                continue;
            }
            let name = format!("pytorch::{schedule}::{}", fixture.name);
            let case = match fixture.cell() {
                Cell::Lstm => case::<LstmKind>,
                Cell::Gru { .. } => case::<GruKind>,
                _ => case::<RnnKind>,
            };
            tests.push(GpuTest::new(name, move |gpu| case(gpu, &fixture, schedule)));
        }
    }
    tests
}

fn case<K: Kind>(gpu: &Gpu, fixture: &Fixture, schedule: Schedule) -> Outcome {
    let options = Options { schedule: Some(schedule), ..Default::default() };
    let config =
        LayerConfig { batch_first: fixture.flag("batch_first"), options, ..Default::default() };
    let layer = Layer::<K>::new(gpu, &fixture.weights(), config)?;
    let (x, state) = (fixture.array("input"), fixture.state::<K>());
    let result = match fixture.lengths() {
        Some(lengths) => layer.forward_lengths(x.view(), &lengths, state.as_ref()),
        None => layer.forward(x.view(), state.as_ref()),
    };
    let (y, state) = result?;
    let (h_n, c_n) = K::parts(&state);
    assert_eq!(c_n.is_some(), fixture.cell().has_c());
    for (name, given) in [("output", Some(&y)), ("h_n", Some(h_n)), ("c_n", c_n)] {
        if let Some(given) = given {
            compare(name, given, &fixture.expected(name), fixture.tolerance()).verdict()?;
        }
    }
    Ok(())
}
