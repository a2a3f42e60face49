//! `compare`: each shape by each peer, verified, then timed in turns.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wgpu_rnn::{Gpu, WeightFormat};

use crate::adapter::AdapterArgs;
use crate::case::{self, Case, TIMED, VERIFIED};
use crate::compare::Deviation;
use crate::failure::{Failure, Result};
use crate::measure::{FORWARD_PASSES, Times};
use crate::outside::Process;
use crate::peer::{Outside, Peer};
use crate::protocol::{About, Done, Seconds};
use crate::report::Report;
use crate::shapes::{self, Shape, ShapeArgs};

/// Compare wgpu-rnn with other implementations
#[derive(clap::Args)]
#[command(after_help = "\
What is timed is the same for all: on the host's clock, from the call with x and weights where the peer computes, to the
end of its work with y there; with --backward both passes, to the gradients of x and of all weights. Set-up, compilation,
upload and download are left out. Peers take turns, after a run that warms each up.

A peer whose result is not that of the CPU reference is WRONG and not timed. On a software adapter, standing shapes have
their time steps cut. Exit status: 0, 1 where a peer is WRONG, 2 where nothing could be compared.")]
pub struct Args {
    #[command(flatten)]
    adapter: AdapterArgs,
    #[arg(long, value_name = "ID|T,B,I,H,L",
          help = format!("A standing shape ({}), or sizes [default: all of them and those of issues]", shapes::ids()))]
    shape: Vec<Shape>,
    #[command(flatten)]
    shape_args: ShapeArgs,
    /// Time training runs: forward and backward pass together
    #[arg(long)]
    backward: bool,
    /// How often each peer runs
    #[arg(long, value_name = "N", default_value = "9", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = Peer::named,
          help = format!("Of {}", Peer::names()))]
    peers: Vec<Peer>,
    /// Seconds that a peer has to start, and for its first run, in which it may compile and tune
    #[arg(long, value_name = "S", default_value = "300", value_parser = seconds)]
    setup_limit: Duration,
    /// Seconds that a peer has for a run
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    limit: Duration,
    #[command(flatten)]
    outside: Outside,
    /// The folder for the report
    #[arg(long, value_name = "PATH", default_value = "bench-results")]
    out: PathBuf,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|error| format!("{error}"))
}

/// Shapes of issues, beside the standing ones: `T,B,I,H,L`.
const OF_ISSUES: [&str; 2] = ["100,1,64,64,1", "50,32,256,256,1"];

/// A shape by a peer.
pub struct Row {
    pub peer: Peer,
    pub about: Option<About>,
    /// How the peer says that it runs.
    pub note: Option<String>,
    pub outcome: Outcome,
}

pub enum Outcome {
    Timed {
        deviation: Deviation,
        wall: Times,
        device: Option<Times>,
    },
    /// The result is wrong, so there was nothing to time.
    Wrong(Deviation),
    /// Why there is no result.
    Failed(String),
}

/// A peer whose result is right.
struct Verified {
    row: usize,
    process: Process,
    deviation: Deviation,
    seconds: Vec<Seconds>,
}

/// True where all results are right.
pub fn run(args: &Args) -> Result<bool> {
    let gpu = args.adapter.open()?;
    let peers = if args.peers.is_empty() { Peer::usual() } else { args.peers.clone() };
    let folder = Scratch::new()?;
    let mut report = Report::new(&gpu, args.backward, args.rounds);
    for shape in shapes(args)? {
        let passes = if args.backward { FORWARD_PASSES } else { 1 };
        let run = shape.affordable(passes, gpu.caps().is_software)?;
        eprintln!("{}", run.numbers());
        let case = Case::new(&run, args.backward)?;
        case.write(&folder.0)?;
        let rows = compete(args, &gpu, &peers, &case, &folder.0)?;
        report.add(run, shape.seq_len, &case, rows);
        // After each shape, so that what was measured survives whatever comes.
        report.write(&args.out)?;
    }
    report.print();
    match report.is_empty() {
        true => Err(Failure::Request("nothing was timed".into())),
        false => Ok(!report.has_wrong()),
    }
}

fn shapes(args: &Args) -> Result<Vec<Shape>> {
    let of_issues = OF_ISSUES.into_iter().map(|text| text.parse().map_err(Failure::Request));
    let shapes = match args.shape.is_empty() {
        true => Shape::standing().into_iter().map(Ok).chain(of_issues).collect::<Result<_>>()?,
        false => args.shape.clone(),
    };
    let shapes = shapes.into_iter().map(|shape| shape.with(&args.shape_args));
    let shapes = shapes.collect::<Result<Vec<Shape>>>()?;
    if shapes.iter().any(|shape| shape.weight_format != WeightFormat::F32) {
        let reason = "--weights: all peers compute with the same weights, in f32".into();
        return Err(Failure::Request(reason));
    }
    Ok(shapes)
}

fn compete(args: &Args, gpu: &Gpu, peers: &[Peer], case: &Case, folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut verified = Vec::new();
    for &peer in peers {
        eprintln!("  {}", peer.name());
        let mut row =
            Row { peer, about: None, note: None, outcome: Outcome::Failed(String::new()) };
        let command = peer.command(gpu, folder, &args.outside).map_err(|why| why.to_string());
        let log = folder.join("log");
        let started = command.and_then(|it| Process::start(it, &log, args.setup_limit));
        let readied = started.and_then(|(mut process, about)| {
            row.about = Some(about);
            verify(peer, &mut process, case, folder).map(|outcome| (process, outcome))
        });
        match readied {
            Err(why) => row.outcome = Outcome::Failed(why),
            Ok((_, Err(wrong))) => row.outcome = Outcome::Wrong(wrong),
            Ok((mut process, Ok(deviation))) => match warm_up(&mut process, args.limit) {
                Err(why) => row.outcome = Outcome::Failed(why),
                Ok(note) => {
                    row.note = note;
                    let row = rows.len();
                    verified.push(Verified { row, process, deviation, seconds: Vec::new() });
                }
            },
        }
        rows.push(row);
    }
    for _ in 0..args.rounds {
        verified.retain_mut(|peer| match peer.process.ask("run") {
            Ok(seconds) => {
                peer.seconds.push(seconds);
                true
            }
            Err(why) => {
                rows[peer.row].outcome = Outcome::Failed(why);
                false
            }
        });
    }
    for Verified { row, deviation, seconds, .. } in verified {
        let wall = Times::of(seconds.iter().map(|seconds| seconds.wall).collect());
        let device: Option<Vec<f64>> = seconds.iter().map(|seconds| seconds.device).collect();
        rows[row].outcome = Outcome::Timed { deviation, wall, device: device.map(Times::of) };
    }
    Ok(rows)
}

/// How far a right result is from the reference, or a wrong one.
fn verify(
    peer: Peer,
    process: &mut Process,
    case: &Case,
    folder: &Path,
) -> Result<Result<Deviation, Deviation>, String> {
    process.ask::<Done>(&format!("prepare {VERIFIED}"))?;
    process.ask::<Seconds>("run")?;
    let results = peer.name();
    process.ask::<Done>(&format!("results {results}"))?;
    let model = case::read(folder, &results).map_err(|error| error.to_string())?;
    let verdict = case.compare(&model).map_err(|error| error.to_string())?;
    let is_right = verdict.is_within(peer.tolerance());
    let worst = verdict.worst();
    Ok(if is_right { Ok(worst) } else { Err(worst) })
}

/// From here on runs are to be as fast as they will be.
fn warm_up(process: &mut Process, limit: Duration) -> Result<Option<String>, String> {
    let Done { note } = process.ask(&format!("prepare {TIMED}"))?;
    process.ask::<Seconds>("run")?;
    process.limit = limit;
    Ok(note)
}

/// A folder that is gone when this is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("wgpu-rnn-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
