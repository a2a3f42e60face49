//! Stages that compute each row for itself.

use ndarray::{Array1, Array2, ArrayD, ArrayViewD, Axis, IxDyn};

use super::{Builder, Part};
use crate::chain::Function;
use crate::error::Result;
use crate::io::onnx::Node;
use crate::onnx::names;
use crate::onnx::value::{Budget, Element, Shared, Source};
use crate::weights::StageWeights;

impl Builder {
    /// A linear layer over the last axis: `weight` `[out, in]`.
    pub fn linear(
        &mut self,
        node: &Node,
        view: Shared<Element>,
        (weight, bias): (Array2<f32>, Option<Array1<f32>>),
        name: Option<&str>,
        budget: &Budget,
    ) -> Result<Shared<Element>> {
        let (outputs, inputs) = weight.dim();
        if view.shape().last() != Some(&inputs) || weight.is_empty() {
            let shape = view.shape();
            return Err(
                node.invalid(format!("{shape:?} does not fit weights of {inputs} features"))
            );
        }
        let view = self.enter(node, view, budget)?;
        let rows = self.rows_of(node, &view)?;
        let part = Part::Other(StageWeights::Linear { weight, bias });
        self.append(node, part, outputs, name);
        self.spread(node, &rows, budget)
    }

    /// Adds constants, one for each feature of a linear stage, to its bias.
    pub fn add(
        &mut self,
        node: &Node,
        view: Shared<Element>,
        values: &ArrayViewD<'_, f32>,
        name: Option<&str>,
        budget: &Budget,
    ) -> Result<Shared<Element>> {
        let refused = || node.unsupported("it adds to what is no linear layer's output");
        let end = self.end.ok_or_else(refused)?;
        budget.take(view.len()).map_err(|reason| node.unsupported(reason))?;
        let Some((stage, Part::Other(StageWeights::Linear { bias, .. }))) = self.parts.last_mut()
        else {
            return Err(refused());
        };
        let mut added = vec![None; end.features];
        for (element, value) in view.iter().zip(values) {
            let place = added.get_mut(element.index as usize % end.features);
            let place = place.filter(|_| element.source == Source::Y(end.y)).ok_or_else(refused)?;
            if place.is_some_and(|place| place != *value) {
                return Err(node.unsupported("it adds something else to each row"));
            }
            *place = Some(*value);
        }
        let added: Array1<f32> = added.into_iter().map(Option::unwrap_or_default).collect();
        *bias = Some(bias.take().map_or_else(|| added.clone(), |bias| bias + &added));
        if let Some(name) = names::of_bias(name).filter(|_| !names::is_of_module(stage)) {
            *stage = self.names.renamed(stage, name);
        }
        self.renew(end.features);
        Ok(self.at_end(view.mapv(|element| element.index).into_shared()))
    }

    /// A function of each element for itself.
    pub fn map(
        &mut self,
        node: &Node,
        view: Shared<Element>,
        function: Function,
        budget: &Budget,
    ) -> Result<Shared<Element>> {
        budget.take(view.len()).map_err(|reason| node.unsupported(reason))?;
        let view = self.enter(node, view, budget)?;
        let features = self.end.map_or(0, |end| end.features);
        self.append(node, Part::Other(StageWeights::Function(function)), features, None);
        Ok(self.at_end(view.mapv(|element| element.index).into_shared()))
    }

    /// A function of the last axis.
    pub fn map_rows(
        &mut self,
        node: &Node,
        view: Shared<Element>,
        function: Function,
        budget: &Budget,
    ) -> Result<Shared<Element>> {
        let view = self.enter(node, view, budget)?;
        let rows = self.rows_of(node, &view)?;
        let features = self.end.map_or(0, |end| end.features);
        self.append(node, Part::Other(StageWeights::Function(function)), features, None);
        self.spread(node, &rows, budget)
    }

    /// Rows of `weight` `[num_embeddings, embedding_dim]` by ids.
    pub fn embedding(
        &mut self,
        node: &Node,
        ids: &Shared<Element>,
        weight: Array2<f32>,
        name: Option<&str>,
        budget: &Budget,
    ) -> Result<Shared<Element>> {
        let is_input = ids.iter().all(|element| matches!(element.source, Source::Input(_)));
        if self.end.is_some() || !is_input || weight.is_empty() {
            return Err(node.unsupported("only the first stage can be an embedding"));
        }
        let shape = ids.shape().to_vec();
        let column = ids.clone().insert_axis(Axis(ids.ndim()));
        let view = self.begin(node, column, budget)?;
        let features = weight.ncols();
        self.append(node, Part::Other(StageWeights::Embedding { weight }), features, name);
        let rows = view.iter().map(|element| element.index).collect();
        let rows = ArrayD::from_shape_vec(IxDyn(&shape), rows).map_err(|e| node.invalid(e))?;
        self.spread(node, &rows.into_shared(), budget)
    }
}
