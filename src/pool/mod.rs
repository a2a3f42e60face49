//! Many independent streams of one layer that advance together, their states on the GPU.

mod slots;

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

pub use slots::Slot;
use slots::Slots;

use crate::error::Result;
use crate::gpu::{DeviceArray, Pending};
use crate::layer::Kind;
use crate::problem::at_least_one;
use crate::run::{Engine, PoolWorkspace, States, check_apart, check_shape};
use crate::stream::{to_rows, to_states};

/// Up to `capacity` independent streams of one stack of layers, whose states stay on the GPU: they join and leave at any
/// time, and each tick advances any of them by one time step, in one dispatch a layer (two where a step has two phases)
/// and one submission. The work of a tick follows the number of streams that take part, not the capacity.
/// Made by [`Layer::stream_pool`](crate::Layer::stream_pool).
///
/// A stream is what [`Stream`](crate::Stream) is for a batch of 1: it begins at zero, and neither the others nor ticks
/// that it does not take part in have an effect on it.
///
/// ```
/// use wgpu_rnn::ndarray::Array2;
/// use wgpu_rnn::{Cell, Gpu, Gru, LayerConfig, Weights};
/// # use wgpu_rnn::{Error, LayerWeights};
/// # let is_required = std::env::var_os("WGPU_RNN_REQUIRE_GPU").is_some();
/// # if !is_required && matches!(Gpu::new(), Err(Error::NoAdapter { .. })) { return Ok(()); }
/// # let layer = LayerWeights::new(Array2::ones((6, 3)), Array2::ones((6, 2)));
/// # let weights = Weights::new(Cell::Gru { reset_after: true }, vec![vec![layer]])?;
///
/// let gru = Gru::new(&Gpu::new()?, &weights, LayerConfig::default())?;
/// let mut pool = gru.stream_pool(1000)?;
/// let (anna, bert) = (pool.join()?, pool.join()?);
/// let x = Array2::ones((2, gru.sizes().input_size)); // a row for each stream that takes part
/// let y = pool.tick(&[bert, anna], x.view())?; // [2, D*H], in the same order
/// assert_eq!(y.row(0), y.row(1));
///
/// let twin = pool.fork(anna)?; // goes on from where anna is
/// pool.leave(bert)?;
/// let y = pool.tick(&[anna, twin], x.view())?;
/// assert_eq!(y.row(0), y.row(1));
/// assert!(pool.reset(bert).is_err()); // has left
/// # Ok::<(), wgpu_rnn::Error>(())
/// ```
#[derive(Debug)]
pub struct StreamPool<K: Kind> {
    engine: Arc<Engine>,
    workspace: PoolWorkspace,
    slots: Slots,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> StreamPool<K> {
    pub(crate) fn new(engine: Arc<Engine>, capacity: usize) -> Result<Self> {
        at_least_one("capacity", capacity)?;
        let workspace = PoolWorkspace::new(&engine, capacity)?;
        Ok(StreamPool { engine, workspace, slots: Slots::new(capacity), kind: PhantomData })
    }

    /// The most streams that the pool can have.
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// The streams that are in the pool.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no stream is in the pool.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no other stream can join.
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// A new stream, whose state is zero.
    ///
    /// # Errors
    /// [`Error::PoolFull`](crate::Error::PoolFull), [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn join(&mut self) -> Result<Slot> {
        let place = self.slots.next_free()?;
        self.engine.submit(|encoder| self.workspace.clear(encoder, place))?;
        self.slots.join()
    }

    /// Takes a stream out of the pool; its slot is free for another.
    ///
    /// # Errors
    /// [`Error::StaleSlot`](crate::Error::StaleSlot).
    pub fn leave(&mut self, slot: Slot) -> Result<()> {
        self.slots.leave(slot)
    }

    /// Sets the state of a stream to zero.
    ///
    /// # Errors
    /// [`Error::StaleSlot`](crate::Error::StaleSlot), [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn reset(&mut self, slot: Slot) -> Result<()> {
        let place = self.slots.place(slot)?;
        self.engine.submit(|encoder| self.workspace.clear(encoder, place))
    }

    /// A new stream that goes on from the state of another, which is copied on the GPU.
    ///
    /// # Errors
    /// Those of [`StreamPool::join`], [`Error::StaleSlot`](crate::Error::StaleSlot).
    pub fn fork(&mut self, slot: Slot) -> Result<Slot> {
        let from = self.slots.place(slot)?;
        let to = self.slots.next_free()?;
        let gpu = &self.engine.gpu;
        self.engine.submit(|encoder| self.workspace.copy(gpu, encoder, from, to))?;
        self.slots.join()
    }

    /// Copies the state of a stream to the host: `[L*D, 1, H]` each.
    ///
    /// # Errors
    /// [`Error::StaleSlot`](crate::Error::StaleSlot), [`Error::DeviceLost`](crate::Error::DeviceLost).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn save(&self, slot: Slot) -> Result<K::State> {
        let pending = self.workspace.request(&self.engine, self.slots.place(slot)?)?;
        self.to_state(pending.wait(|values| self.split(values))?.0?)
    }

    /// The async twin of [`StreamPool::save`].
    pub async fn save_async(&self, slot: Slot) -> Result<K::State> {
        let pending = self.workspace.request(&self.engine, self.slots.place(slot)?)?;
        self.to_state(pending.ready(|values| self.split(values)).await?.0?)
    }

    /// Sets the state of a stream to one that was saved, here, by a [`Stream`](crate::Stream) of a batch of 1, or by a
    /// run of a whole sequence: `[L*D, 1, H]` each.
    ///
    /// # Errors
    /// [`Error::StaleSlot`](crate::Error::StaleSlot), [`Error::Shape`](crate::Error::Shape) where the state does not
    /// fit, [`Error::Argument`](crate::Error::Argument) where a cell state is missing or superfluous,
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn load(&mut self, slot: Slot, state: &K::State) -> Result<()> {
        let place = self.slots.place(slot)?;
        let states = to_states::<K>(state, &self.workspace.slot_problem())?;
        let gpu = &self.engine.gpu;
        gpu.scoped(|| {
            self.workspace.write(gpu, place, &states);
            Ok(())
        })
    }

    /// Advances the streams in `slots` by one time step, the others stay as they are: x `[slots.len(), input_size]` to
    /// y `[slots.len(), D*H]`, a row for each stream in the order of `slots`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) where x does not fit, [`Error::StaleSlot`](crate::Error::StaleSlot),
    /// [`Error::Argument`](crate::Error::Argument) where a stream is in `slots` twice: all states are then as they were.
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn tick(&mut self, slots: &[Slot], x: ArrayView2<'_, f32>) -> Result<Array2<f32>> {
        let Some(pending) = self.submit(slots, x)? else { return Ok(self.nothing()) };
        let (y, readback) = pending.wait(|values| to_rows(slots.len(), values))?;
        self.workspace.return_readback(readback);
        y
    }

    /// The async twin of [`StreamPool::tick`]. The streams advance when this is first polled, even if the future is
    /// dropped before it ends.
    pub async fn tick_async(
        &mut self,
        slots: &[Slot],
        x: ArrayView2<'_, f32>,
    ) -> Result<Array2<f32>> {
        let Some(pending) = self.submit(slots, x)? else { return Ok(self.nothing()) };
        let (y, readback) = pending.ready(|values| to_rows(slots.len(), values)).await?;
        self.workspace.return_readback(readback);
        y
    }

    /// Records a tick into the caller's encoder, on arrays that stay on the GPU: `active` `[capacity]`, x
    /// `[capacity, input_size]` and y `[capacity, D*H]`, all used in place; the row of a stream is [`Slot::row`].
    /// Streams whose `active` is 0 stay as they are, and their y is 0; so is the y of a free slot whose `active` is 0,
    /// else it means nothing.
    ///
    /// Encoders must be submitted in the order of these calls, and before other calls on the pool. A tick looks at all
    /// slots, though tiles of rows that are all inactive cost little; after ticks of some streams from the host, it
    /// copies the h of some.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) or [`Error::WrongDevice`](crate::Error::WrongDevice) where an array does not
    /// fit, [`Error::Argument`](crate::Error::Argument) where y has the buffer of another; nothing has been recorded
    /// then.
    pub fn encode_tick(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        active: &DeviceArray<u32>,
        x: &DeviceArray,
        y: &DeviceArray,
    ) -> Result<()> {
        let (capacity, Engine { gpu, sizes, .. }) = (self.capacity(), &*self.engine);
        active.check("active", gpu, &[capacity])?;
        x.check("x", gpu, &[capacity, sizes.input_size])?;
        y.check("y", gpu, &[capacity, sizes.output_size()])?;
        check_apart("y", y, x.buffer(), None)?;
        check_apart("y", y, active.buffer(), None)?;
        let half = self.slots.common_half();
        gpu.scoped(|| {
            let elsewhere = self.slots.taken(1 - half);
            let arrays = [x.buffer(), y.buffer(), active.buffer()];
            self.workspace.encode(&self.engine, encoder, half, elsewhere, arrays)
        })?;
        self.slots.set_half(1 - half);
        Ok(())
    }

    /// Submits a tick, if there is a stream in it.
    fn submit(&mut self, slots: &[Slot], x: ArrayView2<'_, f32>) -> Result<Option<Pending>> {
        check_shape("x", x.shape(), &[slots.len(), self.engine.sizes.input_size])?;
        let places = self.slots.begin_tick(slots)?;
        if places.is_empty() {
            return Ok(None);
        }
        let pending = self.workspace.tick(&self.engine, places, x)?;
        self.slots.end_tick();
        Ok(Some(pending))
    }

    /// The y of no stream.
    fn nothing(&self) -> Array2<f32> {
        Array2::zeros((0, self.engine.sizes.output_size()))
    }

    fn split(&self, values: &[f32]) -> Result<States> {
        States::split(&self.workspace.slot_problem(), values)
    }

    fn to_state(&self, states: States) -> Result<K::State> {
        K::state(states.h.into_dyn(), states.c.map(|c| c.into_dyn()))
    }
}
