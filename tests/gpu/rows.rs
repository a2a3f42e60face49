//! What does not depend on what: batch rows on each other, a result on how often it is computed.

use wgpu_rnn::ndarray::s;
use wgpu_rnn::{Gpu, Options, Schedule};

use crate::common::case::{Case, Shape, same_bits};
use crate::common::trials::{GpuTest, Outcome};

pub fn tests() -> Vec<GpuTest> {
    let mut tests = Vec::new();
    for schedule in Schedule::ALL {
        tests
            .push(GpuTest::new(format!("rows::{schedule}"), move |gpu| independent(gpu, schedule)));
        let name = format!("reruns::{schedule}");
        tests.push(GpuTest::new(name, move |gpu| reproducible(gpu, schedule)));
    }
    tests
}

fn shape_for(schedule: Schedule) -> Shape {
    let l = if schedule == Schedule::Wavefront { 2 } else { 1 };
    let bidirectional = schedule != Schedule::Wavefront;
    Shape { t: 5, b: 9, i: 6, h: 33, l, bidirectional }
}

/// A row that is not a number, or infinite, changes nothing in the others, and does not heal.
fn independent(gpu: &Gpu, schedule: Schedule) -> Outcome {
    for rows in [1, 2, 4, 8] {
        let options = Options {
            schedule: Some(schedule),
            rows: Some(rows),
            chunk: Some(2),
            ..Default::default()
        };
        let case = Case::new(rows.into(), shape_for(schedule));
        let layer = case.lstm(gpu, options)?;
        let (y, _) = case.forward(&layer)?;
        for bad_row in [0, 4, 8] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = case.x.clone();
                x.slice_mut(s![2, bad_row, 1]).fill(value);
                let bad = Case::new(rows.into(), shape_for(schedule)).with_x(x);
                let (bad_y, state) = bad.forward(&layer)?;
                for row in 0..9 {
                    let name = format!("{rows} rows: {value} in row {bad_row}: row {row}");
                    if row == bad_row {
                        assert!(!same_bits(&y, &bad_y, row), "{name} took no notice");
                    } else {
                        assert!(same_bits(&y, &bad_y, row), "{name} changed");
                    }
                }
                let bad_final = state.h.slice(s![.., bad_row, ..]);
                let is_spoilt = bad_final.iter().all(|h| h.is_nan());
                assert_eq!(
                    is_spoilt,
                    value.is_nan(),
                    "{rows} rows: {value} at the end: {bad_final}"
                );
            }
        }
    }
    Ok(())
}

/// Bit for bit the same from the same layer, from another one, and after other shapes have run.
fn reproducible(gpu: &Gpu, schedule: Schedule) -> Outcome {
    let options = Options { schedule: Some(schedule), rows: Some(4), ..Default::default() };
    let case = Case::new(3, shape_for(schedule)).with_state(3);
    let layer = case.lstm(gpu, options)?;
    let (y, state) = case.forward(&layer)?;
    let bits = |values: &mut dyn Iterator<Item = &f32>| -> Vec<u32> {
        values.map(|value| value.to_bits()).collect()
    };
    let shorter = Case::new(4, Shape { t: 3, b: 2, ..shape_for(schedule) });
    for rerun in 0..4 {
        let layer = if rerun == 2 { case.lstm(gpu, options)? } else { layer.clone() };
        let (again, state_again) = case.forward(&layer)?;
        assert_eq!(bits(&mut y.iter()), bits(&mut again.iter()), "y, rerun {rerun}");
        assert_eq!(
            bits(&mut state.h.iter()),
            bits(&mut state_again.h.iter()),
            "h_n, rerun {rerun}"
        );
        assert_eq!(
            bits(&mut state.c.iter()),
            bits(&mut state_again.c.iter()),
            "c_n, rerun {rerun}"
        );
        shorter.forward(&layer)?;
    }
    Ok(())
}
