//! Weights as the parts of a model take them: named, checked, `f32`, and nothing read that nobody asks for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use codepurify_checkpoint::{StateDict, TensorView};

use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::names;

/// The weights of a model. It remembers which tensors were taken, so that the rest can be reported.
#[derive(Debug)]
pub struct Checkpoint {
    model: String,
    /// Where the tensors of the model are to live.
    device: Device,
    state: StateDict,
    taken: Mutex<BTreeSet<String>>,
    /// Why a tensor could not be read.
    refusal: Mutex<Option<LoadError>>,
}

impl Checkpoint {
    /// Opens the weights of a model.
    ///
    /// # Errors
    /// [`LoadError::Weights`] if the file is damaged or of no known format, [`LoadError::Device`] if the model cannot be on its
    /// device.
    pub fn open(files: &ModelFiles) -> Result<Self, LoadError> {
        let (device, state) = (files.open_device()?, names::plain(files.open_weights()?));
        Ok(Self {
            model: files.name.clone(),
            device,
            state,
            taken: Mutex::default(),
            refusal: Mutex::default(),
        })
    }

    /// The named tensors behind it.
    #[must_use]
    pub fn state(&self) -> &StateDict {
        &self.state
    }

    /// Every floating-point tensor, for a training that starts from here.
    ///
    /// # Errors
    /// [`LoadError::Weights`] if a value is not finite.
    pub fn tensors(&self) -> Result<HashMap<String, Tensor>, LoadError> {
        let floats = self.state.tensors().filter(|view| view.element_type().is_float());
        floats.map(|view| Ok((view.name().to_owned(), self.read(&view)?))).collect()
    }

    /// Builds a part of a model from these weights.
    ///
    /// # Errors
    /// [`LoadError::MissingTensor`], [`LoadError::WrongShape`], [`LoadError::Weights`] or whatever else the part refuses.
    pub fn build<T>(&self, part: impl FnOnce(VarBuilder) -> candle_core::Result<T>) -> Result<T, LoadError> {
        let weights = VarBuilder::from_backend(Box::new(Lazy(self)), DType::F32, self.device.clone());
        part(weights).map_err(|error| locked(&self.refusal).take().unwrap_or_else(|| self.explain(&error)))
    }

    /// Number of weights taken so far.
    pub(crate) fn parameters(&self) -> usize {
        self.split().0.iter().map(TensorView::elements).sum()
    }

    /// Element type of the tensors taken so far; all of them where they differ.
    pub(crate) fn dtype(&self) -> String {
        let types: BTreeSet<String> =
            self.split().0.iter().map(|view| view.element_type().to_string()).collect();
        types.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Names of all entries that no part of the model used: tensors, and entries that are none.
    pub(crate) fn ignored(&self) -> Vec<String> {
        let tensors = self.split().1.into_iter().map(|view| view.name().to_owned());
        tensors.chain(self.state.skipped().iter().cloned()).collect()
    }

    /// Floating-point tensors that nobody took and that are no copies of others: each by its name, or by that of the
    /// largest part of the file that nobody took anything of. A second state dict in the file is there by its key.
    pub(crate) fn unused(&self) -> Vec<String> {
        let (taken, left) = self.split();
        // Rows of numbers: two biases that were never trained are alike, too.
        let is_copy =
            |view: &TensorView| view.shape().len() > 1 && taken.iter().any(|taken| view.is_copy_of(taken));
        let used: HashSet<&str> = taken.iter().flat_map(|view| beginnings(view.name())).collect();
        let mut parts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for view in left.iter().filter(|view| view.element_type().is_float() && !is_copy(view)) {
            let unused = beginnings(view.name()).find(|part| !used.contains(part));
            parts.entry(unused.unwrap_or(view.name())).or_default().push(view.name());
        }
        let names = parts.into_iter().map(|(part, tensors)| match tensors[..] {
            [only] => only.to_owned(),
            _ => format!("{part}* ({} tensors)", tensors.len()),
        });
        names.chain(self.state.unread().iter().map(|key| format!("{key} (another state dict)"))).collect()
    }

    /// Refuses tensors that nobody took, in modules of which others were taken: this architecture does not compute
    /// what they change, such as adapters in a layer or further layers of a head.
    ///
    /// # Errors
    /// [`LoadError::FurtherWeights`].
    pub(crate) fn check_whole(&self) -> Result<(), LoadError> {
        let (taken, left) = self.split();
        let used: HashSet<&str> = taken.iter().flat_map(|view| beginnings(view.name())).collect();
        let containers: HashSet<&str> = taken.iter().flat_map(|view| containers(view.name())).collect();
        let is_inside = |name: &str| {
            let module = beginnings(name).filter(|part| used.contains(part)).last();
            module.is_some_and(|module| !containers.contains(module))
        };
        // Numbers of positions are no weights.
        let is_buffer =
            |name: &str| [".position_ids", ".token_type_ids"].iter().any(|end| name.ends_with(end));
        let further = left.iter().filter(|view| is_inside(view.name()) && !is_buffer(view.name()));
        let tensors: Vec<String> = further.map(|view| view.name().to_owned()).collect();
        if tensors.is_empty() {
            return Ok(());
        }
        Err(LoadError::FurtherWeights { model: self.model.clone(), tensors: listed(&tensors) })
    }

    /// The tensors that were taken, and those that were not.
    fn split(&self) -> (Vec<TensorView<'_>>, Vec<TensorView<'_>>) {
        let taken = locked(&self.taken);
        self.state.tensors().partition(|view| taken.contains(view.name()))
    }

    fn read(&self, view: &TensorView<'_>) -> Result<Tensor, LoadError> {
        let values = view.to_f32()?;
        Tensor::from_vec(values, view.shape(), &self.device).map_err(|error| self.explain(&error))
    }

    /// Says which tensor candle stumbled over.
    fn explain(&self, error: &candle_core::Error) -> LoadError {
        use candle_core::Error as Candle;
        let model = self.model.clone();
        match error {
            Candle::WithBacktrace { inner, .. } => self.explain(inner),
            Candle::CannotFindTensor { path } => LoadError::MissingTensor { model, tensor: path.clone() },
            Candle::UnexpectedShape { msg, expected, got } => LoadError::WrongShape {
                model,
                tensor: msg.rsplit(' ').next().unwrap_or(msg).to_owned(),
                found: got.dims().to_vec(),
                expected: expected.dims().to_vec(),
            },
            other => LoadError::Runtime { model, message: other.to_string() },
        }
    }
}

/// The parts of a model that a tensor is in by its name, the largest first, each with the dot behind it.
fn beginnings(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(dot, _)| &name[..=dot])
}

/// The parts of a model around its layers, by the name of a tensor in a layer: `encoder.` and `encoder.layer.` of
/// `encoder.layer.0.output.dense.bias`.
fn containers(name: &str) -> impl Iterator<Item = &str> {
    let layers = ["layer.", "layers.", "block."].iter().filter_map(|list| {
        let numbered = |&(at, _): &(usize, &str)| {
            let is_whole = at == 0 || name[..at].ends_with('.');
            is_whole && name[at + list.len()..].starts_with(|first: char| first.is_ascii_digit())
        };
        name.match_indices(list).find(numbered).map(|(at, list)| at + list.len())
    });
    let end = layers.min().unwrap_or(0);
    beginnings(name).take_while(move |part| part.len() <= end)
}

/// The first names of a list, and the number of the others.
fn listed(names: &[String]) -> String {
    const NAMED: usize = 3;
    let (named, more) = names.split_at(names.len().min(NAMED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("{}{more}", named.join(", "))
}

/// A checkpoint as candle's variable builders see it: a tensor is read when a part asks for it.
struct Lazy<'c>(&'c Checkpoint);

impl Lazy<'_> {
    fn read(&self, name: &str, expected: Option<&Shape>) -> candle_core::Result<Tensor> {
        let missing = || candle_core::Error::CannotFindTensor { path: name.to_owned() };
        let view = self.0.state.get(name).ok_or_else(missing)?;
        // Before anything is read: a wrong shape may be a huge one.
        if let Some(expected) = expected.filter(|expected| expected.dims() != view.shape()) {
            return Err(candle_core::Error::UnexpectedShape {
                msg: name.to_owned(),
                expected: expected.clone(),
                got: Shape::from(view.shape()),
            });
        }
        let tensor = self.0.read(&view).map_err(|error| self.refuse(error))?;
        locked(&self.0.taken).insert(name.to_owned());
        Ok(tensor)
    }

    /// Keeps the typed error, which candle's has no room for.
    fn refuse(&self, error: LoadError) -> candle_core::Error {
        let message = error.to_string();
        *locked(&self.0.refusal) = Some(error);
        candle_core::Error::Msg(message)
    }
}

impl SimpleBackend for Lazy<'_> {
    fn get(&self, shape: Shape, name: &str, _: Init, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        self.read(name, Some(&shape))
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        self.read(name, None)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.state.get(name).is_some()
    }
}

/// The value behind a lock; a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
