//! The kernels of the schedules: how many rows, units and parts of sums a workgroup has.

use super::planner::Planner;
use super::{Error, Result, Schedule};
use crate::caps::check_limit;
use crate::kernels::recurrence::ROWS;
use crate::kernels::sequence::ResidentShape;
use crate::kernels::{CellKernel, Input, Phase, Phases, Sequence, Step};

/// Time steps from which a CPU adapter keeps weights, too.
const LONG_FOR_SOFTWARE: usize = 64;

impl Planner<'_> {
    /// The workgroups that keep a device busy, and the most rows of one.
    fn enough(&self) -> (u64, u32) {
        if self.caps.is_software { (2, 16) } else { (128, 8) }
    }

    /// Batch rows that one load of weights serves: as many as leave the device enough workgroups. `workgroups`: those of a
    /// tile of so many rows; none where it does not fit.
    pub fn rows(&self, workgroups: impl Fn(u32) -> Option<u64>) -> u32 {
        let batch = self.problem.batch as u64;
        let (enough, most) = self.enough();
        let all = |rows: u32| Some(batch.div_ceil(rows.into()) * workgroups(rows)?);
        let fit =
            ROWS.into_iter().rev().filter(|rows| *rows <= most && u64::from(*rows) < 2 * batch);
        let planned = || fit.clone().find(|rows| all(*rows).is_some_and(|all| all >= enough));
        self.options.rows.or_else(planned).unwrap_or(1)
    }

    pub fn rows_reason(&self, rows: u32, workgroups_per_tile: u64) -> String {
        if self.options.rows.is_some() {
            return format!("{rows} rows: forced");
        }
        let batch = self.problem.batch as u64;
        let workgroups = batch.div_ceil(rows.into()) * workgroups_per_tile;
        format!("a load of weights serves {rows} of {batch} rows, {workgroups} workgroups")
    }

    /// Invocations of a workgroup of a single step, and units of each, where each has the whole sums of its units.
    pub fn step_shape(&self) -> (u32, u32) {
        match (self.sizes.hidden_size <= 32, self.caps.is_software) {
            (true, _) => (32, 1),
            (false, false) => (64, 1),
            (false, true) => (32, 4),
        }
    }

    /// The shapes of a step, from that with the fewest invocations on. On a CPU those there are have enough to do.
    fn step_shapes(&self) -> Vec<(u32, u32, u32)> {
        let (units, each) = self.step_shape();
        let shared = Step::SHAPES.into_iter().filter(|(.., split)| *split > 1);
        let shapes = std::iter::once((units, each, 1)).chain(shared);
        let quads = self.sizes.recurrent_size().div_ceil(4) as u32;
        let most = self.caps.max_compute_invocations_per_workgroup;
        let is_possible = |(units, _, split): &(u32, u32, u32)| match self.options.split {
            Some(forced) => *split == forced,
            None if *split == 1 => true,
            None => !self.caps.is_software && *split <= quads && units * split <= most,
        };
        shapes.filter(is_possible).collect()
    }

    pub fn step_kernel(
        &self,
        schedule: Schedule,
        input: Input,
        slices: usize,
    ) -> Result<(Step, String)> {
        let (h, batch) = (self.sizes.hidden_size as u64, self.problem.batch as u64);
        let memory = self.caps.max_compute_workgroup_storage_size;
        let kernel = |rows, (units, units_per_invocation, split)| Step {
            cell: CellKernel::of(self.problem),
            weights: self.problem.weight_format,
            phase: Phase::First,
            input,
            rows,
            units,
            units_per_invocation,
            split,
            is_pooled: self.problem.is_pooled,
        };
        let inner = h + match input {
            Input::Hoisted => 0,
            Input::Fused => self.widest_input() as u64,
        };
        let fits = |kernel: Step| {
            kernel.workgroup_bytes() <= memory
                && kernel.iterations(inner) <= self.caps.max_loop_iterations
                && (kernel.split == 1 || kernel.rows <= Step::MAX_SPLIT_ROWS)
        };
        let workgroups =
            |(units, each, _): (u32, u32, u32)| slices as u64 * h.div_ceil((units * each).into());
        let shapes = self.step_shapes();
        let fitting = |rows| shapes.iter().copied().filter(move |shape| fits(kernel(rows, *shape)));
        // Rows first, since each tile of them reads all weights; then as few parts as keep the device busy.
        let rows = self.rows(|rows| fitting(rows).map(workgroups).max());
        let tiles = batch.div_ceil(rows.into());
        let is_enough = |shape: &(u32, u32, u32)| tiles * workgroups(*shape) >= self.enough().0;
        let shape = fitting(rows).find(is_enough).or(fitting(rows).next_back());
        let shape = shape.or(shapes.first().copied()).unwrap_or_default();
        let kernel = kernel(rows, shape);
        self.check_invocations("a workgroup of a step", kernel.invocations())?;
        if kernel.split > 1 && rows > Step::MAX_SPLIT_ROWS {
            let reason = format!("split is for up to {} rows", Step::MAX_SPLIT_ROWS);
            return Err(Error::Schedule { schedule, reason });
        }
        self.check_workgroup_bytes("rows and parts of sums", kernel.workgroup_bytes())?;
        self.caps.check_grid(kernel.grid(self.sizes, batch, slices as u64))?;
        self.caps.check_iterations("the loops of one time step", kernel.iterations(inner))?;
        let parts = match kernel.split {
            1 => String::new(),
            split => format!(", {split} invocations share a unit's sum"),
        };
        Ok((kernel, format!("{}{parts}", self.rows_reason(rows, workgroups(shape)))))
    }

    /// The shape of a workgroup that owns all units and keeps their weights; none where that cannot be, or should not.
    fn resident_shape(&self) -> Option<ResidentShape> {
        let (cell, weights) = (CellKernel::of(self.problem), self.problem.weight_format);
        let shapes = Sequence::resident_shapes(cell, weights, self.caps.is_software);
        let most = self.caps.max_compute_invocations_per_workgroup;
        // A CPU adapter loads far faster what constants index, but takes seconds to compile all these loads.
        let is_worth_it = !self.caps.is_software || self.problem.seq_len >= LONG_FOR_SOFTWARE;
        let is_wanted = self.options.resident.unwrap_or(is_worth_it);
        shapes.into_iter().filter(|_| is_wanted).find(|(units, each, split)| {
            (units * each) as usize >= self.sizes.hidden_size && units * split <= most
        })
    }

    /// Invocations, and units of each, of a workgroup that owns all units.
    pub fn sequence_shape(&self) -> Result<(u32, u32)> {
        let h = self.sizes.hidden_size as u64;
        // A software adapter runs few invocations at once, so each may as well own more units per load.
        let least_units_each = if self.caps.is_software { 4 } else { 1 };
        let shape = Sequence::SHAPES
            .into_iter()
            .find(|(units, each)| *each >= least_units_each && u64::from(units * each) >= h)
            .ok_or_else(|| {
                let most = Sequence::MAX_HIDDEN;
                impossible(format!("hidden_size is {h}, this crate has kernels for up to {most}"))
            })?;
        self.check_invocations("a workgroup that owns all units", shape.0)?;
        Ok(shape)
    }

    pub fn sequence_kernel(&self, directions: u64) -> Result<(Sequence, String)> {
        let is_forced = self.options.resident == Some(true);
        if let Some(shape) = self.resident_shape() {
            let (kernel, reason) = self.resident_kernel(directions, shape);
            let most = Sequence::MAX_RESIDENT_ROWS;
            let memory = self.caps.max_compute_workgroup_storage_size;
            if kernel.rows <= most && kernel.workgroup_bytes() <= memory {
                return Ok((kernel, reason));
            }
            if is_forced && kernel.rows > most {
                return Err(impossible(format!("resident weights are for up to {most} rows")));
            }
            if is_forced {
                self.check_workgroup_bytes("h and parts of sums", kernel.workgroup_bytes())?;
            }
        }
        if is_forced {
            return Err(impossible(self.why_not_resident()));
        }
        self.streamed_kernel(directions)
    }

    fn why_not_resident(&self) -> String {
        let (h, most) = (self.sizes.hidden_size, self.caps.max_compute_invocations_per_workgroup);
        match Phases::of(self.sizes) {
            Phases::Whole => format!(
                "the registers of a workgroup of up to {most} invocations do not hold w_hh of hidden_size {h}"
            ),
            _ => "a step in two phases has two matrices to keep".into(),
        }
    }

    fn resident_kernel(&self, directions: u64, shape: ResidentShape) -> (Sequence, String) {
        let (cell, weights) = (CellKernel::of(self.problem), self.problem.weight_format);
        let kernel = |rows| Sequence::resident(cell, weights, rows, shape);
        let memory = self.caps.max_compute_workgroup_storage_size;
        let fits =
            |rows| rows <= Sequence::MAX_RESIDENT_ROWS && kernel(rows).workgroup_bytes() <= memory;
        let rows = self.rows(|rows| fits(rows).then_some(directions));
        let reason = self.rows_reason(rows, directions);
        (kernel(rows), format!("{reason}, w_hh stays in registers"))
    }

    fn streamed_kernel(&self, directions: u64) -> Result<(Sequence, String)> {
        let (cell, weights) = (CellKernel::of(self.problem), self.problem.weight_format);
        let (units, units_per_invocation) = self.sequence_shape()?;
        let kernel = |rows| Sequence {
            cell,
            weights,
            rows,
            units,
            units_per_invocation,
            split: 1,
            is_resident: false,
        };
        let memory = self.caps.max_compute_workgroup_storage_size;
        let fits = |rows| kernel(rows).workgroup_bytes() <= memory;
        let rows = self.rows(|rows| fits(rows).then_some(directions));
        let what = format!("h of {rows} rows, twice,");
        self.check_workgroup_bytes(&what, kernel(rows).workgroup_bytes())?;
        Ok((kernel(rows), self.rows_reason(rows, directions)))
    }

    fn check_workgroup_bytes(&self, what: &str, bytes: u32) -> Result<()> {
        let memory = self.caps.max_compute_workgroup_storage_size;
        let limit = "max_compute_workgroup_storage_size";
        check_limit(what, bytes.into(), limit, memory.into())
    }

    fn check_invocations(&self, what: &str, invocations: u32) -> Result<()> {
        let most = self.caps.max_compute_invocations_per_workgroup;
        let limit = "max_compute_invocations_per_workgroup";
        check_limit(what, invocations.into(), limit, most.into())
    }
}

fn impossible(reason: String) -> Error {
    Error::Schedule { schedule: Schedule::SequenceFused, reason }
}
