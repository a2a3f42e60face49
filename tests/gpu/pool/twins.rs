//! A pool whose streams each have two twins: a stream of a batch of 1, and the reference.

use wgpu_rnn::ndarray::{Array2, ArrayView1, Axis, Ix2, aview1};
use wgpu_rnn::{DeviceArray, Gpu, Kind, Layer, LstmState, Options, Slot, Stream, StreamPool};

use crate::common::Random;
use crate::common::case::{Case, both_of, state_of, verdict};
use crate::common::trials::Outcome;

/// What a tick may differ in from the twin on the GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// In no bit: their kernels have one tile of rows.
    Bits,
    /// As the reference, within the tolerance.
    Values,
}

/// One stream of the pool.
pub struct Twin<K: Kind> {
    pub slot: Slot,
    stream: Stream<K>,
    /// What the reference says.
    state: LstmState,
}

/// The pool, its streams, and arrays for ticks on the GPU.
pub struct Twins<K: Kind> {
    gpu: Gpu,
    /// One step of one row.
    case: Case,
    layer: Layer<K>,
    same: Same,
    pub pool: StreamPool<K>,
    pub twins: Vec<Twin<K>>,
    y: DeviceArray,
}

impl<K: Kind> Twins<K> {
    /// `case` has one step of one row.
    pub fn new(
        gpu: &Gpu,
        case: &Case,
        capacity: usize,
        rows: Option<u32>,
    ) -> wgpu_rnn::Result<Self> {
        let layer: Layer<K> =
            case.layer(gpu, Options { rows, split: rows.map(|_| 1), ..Default::default() })?;
        let pool = layer.stream_pool(capacity)?;
        Ok(Twins {
            gpu: gpu.clone(),
            y: gpu.zeros(&[capacity, layer.sizes().output_size()])?,
            case: case.clone(),
            same: if rows.is_some() { Same::Bits } else { Same::Values },
            layer,
            pool,
            twins: Vec::new(),
        })
    }

    fn zero(&self) -> LstmState {
        let case = self.case.clone().with_state(1);
        let mut state = case.state.expect("with_state gives one");
        state.h.fill(0.0);
        state.c.fill(0.0);
        state
    }

    pub fn join(&mut self) -> Outcome {
        let (stream, state) = (self.layer.stream(1)?, self.zero());
        self.twins.push(Twin { slot: self.pool.join()?, stream, state });
        Ok(())
    }

    pub fn leave(&mut self, n: usize) -> Outcome {
        let twin = self.twins.swap_remove(n);
        Ok(self.pool.leave(twin.slot)?)
    }

    pub fn fork(&mut self, n: usize) -> Outcome {
        let of = &self.twins[n];
        let mut stream = self.layer.stream(1)?;
        stream.load(&of.stream.save()?)?;
        let state = of.state.clone();
        self.twins.push(Twin { slot: self.pool.fork(of.slot)?, stream, state });
        Ok(())
    }

    pub fn reset(&mut self, n: usize) -> Outcome {
        let zero = self.zero();
        let twin = &mut self.twins[n];
        twin.state = zero;
        twin.stream.reset()?;
        Ok(self.pool.reset(twin.slot)?)
    }

    /// A state from anywhere.
    pub fn load(&mut self, n: usize, seed: u64) -> Outcome {
        let state = self.case.clone().with_state(seed).state.ok_or("with_state gives one")?;
        let twin = &mut self.twins[n];
        twin.stream.load(&state_of::<K>(&state)?)?;
        self.pool.load(twin.slot, &state_of::<K>(&state)?)?;
        twin.state = state;
        Ok(())
    }

    /// The states of all streams: where they should be.
    pub fn check_states(&self) -> Outcome {
        for (n, twin) in self.twins.iter().enumerate() {
            let given = both_of::<K>(&self.pool.save(twin.slot)?);
            let alone = both_of::<K>(&twin.stream.save()?);
            if self.same == Same::Bits && given != alone {
                return Err(format!("stream {n}: {given:?}, alone {alone:?}").into());
            }
            let scale = |state: &LstmState| [state.h.mapv(f64::from), state.c.mapv(f64::from)];
            for (given, expected) in scale(&given).iter().zip(scale(&twin.state)) {
                let worst = (given - expected).iter().fold(0.0f64, |worst, e| worst.max(e.abs()));
                if !(worst <= self.case.allowed()) {
                    return Err(format!("state of stream {n}: off by {worst}").into());
                }
            }
        }
        Ok(())
    }

    /// A tick of the streams of these numbers from host arrays.
    pub fn tick(&mut self, numbers: &[usize], x: &Array2<f32>) -> Outcome {
        let slots: Vec<Slot> = numbers.iter().map(|n| self.twins[*n].slot).collect();
        let y = self.pool.tick(&slots, x.view())?;
        self.check(numbers, x, &y)
    }

    /// The same on the GPU. Rows of x without a stream in the tick are NaN.
    pub fn encode_tick(&mut self, numbers: &[usize], x: &Array2<f32>) -> Outcome {
        let capacity = self.pool.capacity();
        let mut all_x = Array2::from_elem((capacity, x.ncols()), f32::NAN);
        let mut active = vec![0u32; capacity];
        let rows: Vec<usize> = numbers.iter().map(|n| self.twins[*n].slot.row()).collect();
        for (row, x) in rows.iter().zip(x.rows()) {
            all_x.row_mut(*row).assign(&x);
            active[*row] = 1 + *row as u32;
        }
        let (all_x, active) = (self.gpu.upload(all_x.view())?, self.gpu.upload(aview1(&active))?);
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        self.pool.encode_tick(&mut encoder, &active, &all_x, &self.y)?;
        self.gpu.queue().submit([encoder.finish()]);
        let all_y = self.y.download()?.into_dimensionality::<Ix2>()?;
        let is_silent = |row: usize| all_y.index_axis(Axis(0), row).iter().all(|y| *y == 0.0);
        if let Some(row) = (0..capacity).find(|row| !rows.contains(row) && !is_silent(*row)) {
            return Err(format!("y of row {row}, which is not active, is not 0").into());
        }
        self.check(numbers, x, &all_y.select(Axis(0), &rows))
    }

    /// Moves the twins on, and holds y against theirs.
    fn check(&mut self, numbers: &[usize], x: &Array2<f32>, y: &Array2<f32>) -> Outcome {
        assert_eq!(y.dim(), (numbers.len(), self.layer.sizes().output_size()));
        for ((n, x), y) in numbers.iter().zip(x.rows()).zip(y.rows()) {
            let twin = &mut self.twins[*n];
            let x = x.insert_axis(Axis(0)).to_owned();
            let alone = twin.stream.step(x.view())?;
            if self.same == Same::Bits && !same_bits(alone.row(0), y) {
                return Err(format!("stream {n}: {y}, alone {alone}").into());
            }
            let step = self.case.but(|case| {
                case.x = x.insert_axis(Axis(0));
                case.state = Some(twin.state.clone());
            });
            let expected = step.expected();
            let [h, c] = [&expected.h_n, &expected.c_n].map(|s| s.mapv(|v| v as f32).into_dyn());
            twin.state = LstmState { h, c };
            let y = y.to_owned().insert_axis(Axis(0)).insert_axis(Axis(0));
            verdict(&y, &twin.state, expected, step.allowed())
                .map_err(|problem| format!("stream {n}: {problem}"))?;
        }
        Ok(())
    }

    /// `ticks` ticks of random streams; between them streams come, go, and change.
    pub fn live(&mut self, random: &mut Random, ticks: usize) -> Outcome {
        for tick in 0..ticks {
            self.change(random).map_err(|problem| format!("before tick {tick}: {problem}"))?;
            let mut numbers: Vec<usize> =
                (0..self.twins.len()).filter(|_| random.below(3) > 0).collect();
            shuffle(random, &mut numbers);
            let x = random.array2((numbers.len(), self.case.x.dim().2));
            let outcome = match random.below(5) {
                0 => self.encode_tick(&numbers, &x),
                _ => self.tick(&numbers, &x),
            };
            outcome.map_err(|problem| format!("tick {tick} of {numbers:?}: {problem}"))?;
        }
        self.check_states()
    }

    fn change(&mut self, random: &mut Random) -> Outcome {
        let len = self.twins.len();
        assert_eq!(self.pool.len(), len);
        let any = random.below(len.max(1));
        match random.below(16) {
            0 | 1 if !self.pool.is_full() => self.join(),
            2 if !self.pool.is_full() && len > 0 => self.fork(any),
            3 | 4 if len > self.pool.capacity() / 3 => self.leave(any),
            5 if len > 0 => self.reset(any),
            6 if len > 0 => self.load(any, 1 + random.below(1000) as u64),
            7 => self.check_states(),
            _ => Ok(()),
        }
    }
}

fn same_bits(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

pub fn shuffle(random: &mut Random, numbers: &mut [usize]) {
    for n in (1..numbers.len()).rev() {
        numbers.swap(n, random.below(n + 1));
    }
}
