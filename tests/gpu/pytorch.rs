//! Every case of PyTorch on every schedule and adapter.

use crate::common::compare::compare;
use crate::common::fixture::{self, Fixture};
use crate::common::trials::GpuTest;
use wgpu_rnn::{
    Cell, Error, Gpu, GruKind, Kind, Layer, LayerConfig, LstmKind, Options, RnnKind, Schedule,
};

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in Schedule::ALL {
        for fixture in fixture::all() {
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

fn case<K: Kind>(gpu: &Gpu, fixture: &Fixture, schedule: Schedule) -> Result<(), String> {
    let options = Options { schedule: Some(schedule), ..Default::default() };
    let config = LayerConfig { batch_first: fixture.flag("batch_first"), options };
    let layer = Layer::<K>::new(gpu, &fixture.weights(), config).map_err(|e| e.to_string())?;
    let (x, state) = (fixture.array("input"), fixture.state::<K>());
    let result = match fixture.lengths() {
        Some(lengths) => layer.forward_lengths(x.view(), &lengths, state.as_ref()),
        None => layer.forward(x.view(), state.as_ref()),
    };
    let sizes = layer.sizes();
    let is_wave = sizes.num_layers > 1 && !sizes.is_bidirectional();
    let (y, state) = match result {
        Ok(result) => result,
        Err(Error::Schedule { schedule: Schedule::Wavefront, .. }) if !is_wave => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let (h_n, c_n) = K::parts(&state);
    if c_n.is_some() != fixture.cell().has_c() {
        return Err(format!("c_n is there: {}", c_n.is_some()));
    }
    let arrays = [("output", Some(&y)), ("h_n", Some(h_n)), ("c_n", c_n)];
    arrays.into_iter().filter_map(|(name, given)| Some((name, given?))).try_for_each(
        |(name, given)| {
            compare(name, given, &fixture.expected(name), fixture.tolerance()).verdict()
        },
    )
}
