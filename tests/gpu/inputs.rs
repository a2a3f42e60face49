//! Runs from a projected input and from token ids, against a run of the reference from the x that they stand for.

use wgpu_rnn::ndarray::{Array1, Array2, Array3, ArrayD, Axis};
use wgpu_rnn::reference::{self, Inputs, Outputs};
use wgpu_rnn::{
    Cell, DeviceArray, DeviceInput, Direction, Error, Gpu, GruKind, Kind, Layer, LayerConfig,
    LayerInput, LayerIo, LayerSizes, Linear, LstmKind, Options, Result, RnnKind, Schedule, Weights,
};

use crate::common::Random;
use crate::common::compare::{F32, compare};
use crate::common::trials::{GpuTest, Outcome};

const SEQ_LEN: usize = 7;
const BATCH: usize = 3;
const VOCABULARY: usize = 11;
const LENGTHS: [usize; BATCH] = [4, 7, 1];

pub fn tests() -> Vec<GpuTest> {
    let test = |name: &str, cell, proj_size| {
        GpuTest::new(format!("inputs::{name}"), move |gpu| match cell {
            Cell::Lstm => all::<LstmKind>(gpu, cell, proj_size),
            Cell::Gru { .. } => all::<GruKind>(gpu, cell, proj_size),
            _ => all::<RnnKind>(gpu, cell, proj_size),
        })
    };
    vec![
        test("lstm", Cell::Lstm, 0),
        test("lstm_projected", Cell::Lstm, 3),
        test("gru", Cell::Gru { reset_after: true }, 0),
        test("gru_reset_before", Cell::Gru { reset_after: false }, 0),
        test("rnn", Cell::Rnn, 0),
        GpuTest::new("inputs::errors", errors),
    ]
}

/// Weights, token ids, and what they stand for; sequences lie as `batch_first` says.
struct Case {
    weights: Weights,
    ids: Array2<u32>,
    embedding: Array2<f32>,
    x_proj: Array3<f32>,
    batch_first: bool,
    has_lengths: bool,
}

impl Case {
    fn new(sizes: LayerSizes, batch_first: bool, has_lengths: bool) -> Result<Self> {
        let mut random = Random::new(1);
        let weights = match sizes.direction {
            Direction::Reverse => {
                random.weights_of(sizes.with_direction(Direction::Forward)).reversed()?
            }
            _ => random.weights_of(sizes),
        };
        let shape = if batch_first { (BATCH, SEQ_LEN) } else { (SEQ_LEN, BATCH) };
        let ids = Array2::from_shape_simple_fn(shape, || random.below(VOCABULARY) as u32);
        let embedding =
            Array2::from_shape_simple_fn((VOCABULARY, sizes.input_size), || random.next());
        let rows: Vec<_> =
            (0..sizes.num_directions()).map(|d| weights.layer(0, d).unwrap().w_ih.view()).collect();
        let w_ih = wgpu_rnn::ndarray::concatenate(Axis(0), &rows).unwrap();
        let x = embed(&embedding, &ids).mapv(f64::from).into_dyn();
        let x_proj = reference::linear(w_ih.view(), None, &x).mapv(|value| value as f32);
        let x_proj = x_proj.into_dimensionality().unwrap();
        Ok(Case { weights, ids, embedding, x_proj, batch_first, has_lengths })
    }

    fn lengths(&self) -> Option<&'static [usize]> {
        self.has_lengths.then_some(&LENGTHS[..])
    }

    fn expected(&self) -> Outputs {
        let mut x = embed(&self.embedding, &self.ids);
        if self.batch_first {
            x.swap_axes(0, 1);
        }
        reference::forward(
            &self.weights,
            &Inputs { lengths: self.lengths(), ..Inputs::new(x.view()) },
        )
    }

    /// The embedding, projected on the device.
    fn table(&self, gpu: &Gpu) -> Result<DeviceArray> {
        let table = Linear::input_projection(gpu, &self.weights)?.forward(self.embedding.view())?;
        gpu.upload(table.view())
    }

    fn verdict(&self, y: &ArrayD<f32>) -> Outcome {
        let mut expected = self.expected().y;
        if self.batch_first {
            expected.swap_axes(0, 1);
        }
        let expected = expected.as_standard_layout().into_owned().into_dyn();
        Ok(compare("y", &y.as_standard_layout().into_owned(), &expected, F32).verdict()?)
    }
}

fn embed(embedding: &Array2<f32>, ids: &Array2<u32>) -> Array3<f32> {
    let (first, second) = ids.dim();
    Array3::from_shape_fn((first, second, embedding.ncols()), |(a, b, k)| {
        embedding[[ids[[a, b]] as usize, k]]
    })
}

fn all<K: Kind>(gpu: &Gpu, cell: Cell, proj_size: usize) -> Outcome {
    let directions = [Direction::Forward, Direction::Reverse, Direction::Bidirectional];
    for direction in directions {
        let sizes = LayerSizes::new(cell, 4, 6)
            .with_layers(2)
            .with_proj_size(proj_size)
            .with_direction(direction);
        for (batch_first, has_lengths) in [(false, false), (true, true), (false, true)] {
            let case = Case::new(sizes, batch_first, has_lengths)?;
            for schedule in [Schedule::Stepwise, Schedule::SequenceFused] {
                let options =
                    Options { schedule: Some(schedule), chunk: Some(3), ..Default::default() };
                let config = LayerConfig { batch_first, options, ..Default::default() };
                let layer = Layer::<K>::new(gpu, &case.weights, config)?;
                let what = |problem| {
                    format!("{direction:?} {batch_first} {has_lengths} {schedule}: {problem}")
                };
                from_host(&case, &layer).map_err(what)?;
                from_device(&case, &layer).map_err(what)?;
            }
        }
        let case = Case::new(sizes, false, false)?;
        let layer = Layer::<K>::new(gpu, &case.weights, LayerConfig::default())?;
        unbatched(&case, &layer)?;
        if direction == Direction::Forward {
            streamed(&case, &layer)?;
        }
    }
    Ok(())
}

type Verdict = std::result::Result<(), Box<dyn std::error::Error>>;

fn from_host<K: Kind>(case: &Case, layer: &Layer<K>) -> Verdict {
    let table = case.table(layer.gpu())?;
    let ids = case.ids.view().into_dyn();
    let (y, _) =
        layer.forward_input(LayerInput::Tokens { ids, table: &table }, case.lengths(), None)?;
    case.verdict(&y)?;
    let input = LayerInput::Projected(case.x_proj.view().into_dyn());
    let (y, state) = layer.forward_input(input, case.lengths(), None)?;
    case.verdict(&y)?;
    let h_n = case.expected().h_n.into_dyn();
    Ok(compare("h_n", K::parts(&state).0, &h_n, F32).verdict()?)
}

fn from_device<K: Kind>(case: &Case, layer: &Layer<K>) -> Verdict {
    let gpu = layer.gpu();
    let (ids, table) = (gpu.upload(case.ids.view())?, case.table(gpu)?);
    let x_proj = gpu.upload(case.x_proj.view())?;
    let lengths = gpu.upload(Array1::from(LENGTHS.map(|length| length as u32).to_vec()).view())?;
    let (first, second) = case.ids.dim();
    for input in [DeviceInput::Tokens { ids: &ids, table: &table }, DeviceInput::Projected(&x_proj)]
    {
        let y = gpu.zeros(&[first, second, layer.sizes().output_size()])?;
        let mut io = LayerIo::from_input(input, &y);
        io.lengths = case.has_lengths.then_some(&lengths);
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        layer.encode(&mut encoder, &io)?;
        gpu.queue().submit([encoder.finish()]);
        case.verdict(&y.download()?)?;
    }
    Ok(())
}

/// The first sequence alone.
fn unbatched<K: Kind>(case: &Case, layer: &Layer<K>) -> Outcome {
    let table = case.table(layer.gpu())?;
    let expected = case.expected().y.index_axis_move(Axis(1), 0).into_dyn();
    let inputs = [
        LayerInput::Tokens { ids: case.ids.column(0).into_dyn(), table: &table },
        LayerInput::Projected(case.x_proj.index_axis(Axis(1), 0).into_dyn()),
    ];
    for input in inputs {
        let (y, _) = layer.forward_input(input, None, None)?;
        compare("y", &y, &expected, F32).verdict()?;
    }
    Ok(())
}

fn streamed<K: Kind>(case: &Case, layer: &Layer<K>) -> Outcome {
    let gpu = layer.gpu();
    let table = case.table(gpu)?;
    let mut by_token = layer.stream_tokens(BATCH, &table)?;
    let mut encoded = layer.stream_tokens(BATCH, &table)?;
    let mut projected = layer.stream_projected(BATCH)?;
    let expected = case.expected().y;
    let y_t = gpu.zeros(&[BATCH, layer.sizes().output_size()])?;
    for t in 0..SEQ_LEN {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let ids = gpu.upload(case.ids.row(t))?;
        encoded.encode_step_tokens(&mut encoder, &ids, &y_t)?;
        gpu.queue().submit([encoder.finish()]);
        let steps = [
            by_token.step_tokens(case.ids.row(t))?.into_dyn(),
            projected.step(case.x_proj.index_axis(Axis(0), t))?.into_dyn(),
            y_t.download()?,
        ];
        let expected = expected.index_axis(Axis(0), t).to_owned().into_dyn();
        steps.iter().try_for_each(|y_t| compare("y_t", y_t, &expected, F32).verdict())?;
    }
    Ok(())
}

fn errors(gpu: &Gpu) -> Outcome {
    let case = Case::new(LayerSizes::new(Cell::Lstm, 4, 6).with_layers(2), false, false)?;
    let layer = Layer::<LstmKind>::new(gpu, &case.weights, LayerConfig::default())?;
    let table = case.table(gpu)?;
    let tokens = |ids: &Array2<u32>, table: &DeviceArray| {
        let input = LayerInput::Tokens { ids: ids.view().into_dyn(), table };
        layer.forward_input(input, None, None).map(drop)
    };
    let mut beyond = case.ids.clone();
    beyond[[2, 1]] = VOCABULARY as u32;
    let narrow = gpu.zeros(&[VOCABULARY, 23])?;
    let x_proj = case.x_proj.view();
    let wide = LayerInput::Projected(x_proj.slice_axis(Axis(2), (..5).into()).into_dyn());
    let mut stream = layer.stream_tokens(BATCH, &table)?;
    let mut of_features = layer.stream(BATCH)?;
    let ids = case.ids.row(0);
    let forced = Options { schedule: Some(Schedule::Wavefront), ..Default::default() };
    let forced = LayerConfig { options: forced, ..Default::default() };
    let forced = Layer::<LstmKind>::new(gpu, &case.weights, forced)?;
    let whole = LayerInput::Projected(x_proj.into_dyn());
    let results: [(Result<()>, &[&str]); 9] = [
        (tokens(&beyond, &table), &["`ids[7]`", "11"]),
        (tokens(&case.ids, &narrow), &["`table`", "23", "24"]),
        (layer.forward_input(wide, None, None).map(drop), &["`x_proj`", "5", "24"]),
        (stream.step(Array2::zeros((BATCH, 4)).view()).map(drop), &["`x_t`", "token ids"]),
        (stream.step_tokens(Array1::from(vec![0, 11, 0]).view()).map(drop), &["`ids[1]`", "11"]),
        (stream.step_tokens(Array1::from(vec![0]).view()).map(drop), &["`ids`", "[1]", "[3]"]),
        (of_features.step_tokens(ids).map(drop), &["`ids`", "features"]),
        (layer.stream_tokens(BATCH, &narrow).map(drop), &["`table`", "23", "24"]),
        (forced.forward_input(whole, None, None).map(drop), &["wavefront", "projected"]),
    ];
    for (result, words) in results {
        let error = result.err().ok_or_else(|| format!("no error with {words:?}"))?;
        let is_typed = !matches!(error, Error::Gpu { .. });
        let text = error.to_string();
        if !is_typed || !words.iter().all(|word| text.contains(word)) {
            return Err(format!("{words:?}: {text}").into());
        }
    }
    Ok(())
}
