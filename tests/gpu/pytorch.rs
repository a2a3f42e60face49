//! Every fixture with every schedule forced, against what PyTorch computed.

use wgpu_rnn::ndarray::{Ix2, Ix3};
use wgpu_rnn::{Error, Gpu, LayerConfig, Lstm, Options, Schedule};

use crate::common::compare::{Comparison, compare};
use crate::common::fixture::{self, Fixture};
use crate::common::trials::{GpuTest, Outcome};

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in Schedule::ALL {
        for fixture in fixture::all() {
            let name = format!("pytorch::{schedule}::{}", fixture.name);
            tests.push(GpuTest::new(name, move |gpu| pytorch_case(gpu, &fixture, schedule)));
        }
    }
    tests
}

fn pytorch_case(gpu: &Gpu, fixture: &Fixture, schedule: Schedule) -> Outcome {
    let options = Options { schedule: Some(schedule), ..Default::default() };
    let config = LayerConfig { batch_first: fixture.flag("batch_first"), options };
    let lstm = Lstm::new(gpu, &fixture.weights(), config)?;
    let input = fixture.array("input");
    let state = fixture.initial_state();
    let result = if fixture.flag("batched") {
        let input = input.into_dimensionality::<Ix3>()?;
        lstm.forward(input.view(), state.as_ref()).map(|(y, state)| (y.into_dyn(), state))
    } else {
        let input = input.into_dimensionality::<Ix2>()?;
        lstm.forward(input.view(), state.as_ref()).map(|(y, state)| (y.into_dyn(), state))
    };
    let sizes = lstm.sizes();
    let is_wave = sizes.num_layers > 1 && !sizes.is_bidirectional();
    let (y, state) = match result {
        Err(Error::Schedule { schedule: Schedule::Wavefront, .. }) if !is_wave => return Ok(()),
        result => result?,
    };
    let allowed = fixture.tolerance();
    let comparisons: [Comparison; 3] = [
        compare("output", &y, &fixture.expected("output"), allowed),
        compare("h_n", &state.h, &fixture.expected("h_n"), allowed),
        compare("c_n", &state.c, &fixture.expected("c_n"), allowed),
    ];
    Ok(comparisons.iter().try_for_each(Comparison::verdict)?)
}
