//! [`Simulation`]: a MuJoCo model and its data, stepped one control period at a time.
//!
//! It refuses to know what is rewarded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mujoco_rs::error::MjModelError;
use mujoco_rs::prelude::{MjData, MjModel, MjtObjBase, MjtState};
use mujoco_rs::wrappers::mj_auxiliary::MjVfs;

use super::super::EnvError;
use super::camera::Camera;
use super::log;

/// MuJoCo's name for everything that the next step depends on, the solver's warm start included.
const STATE: u32 = MjtState::mjSTATE_INTEGRATION as u32;

/// A model, its data and how they are stepped.
#[derive(Debug)]
pub struct Simulation {
    path: PathBuf,
    data: MjData<Arc<MjModel>>,
    frame_skip: u32,
    uses_contact_forces: bool,
    period_s: f64,
    camera: Camera,
    /// Room for `qpos` and `qvel` while a reset draws them.
    scratch: Vec<f64>,
}

impl Simulation {
    /// Loads a model from an MJCF file.
    ///
    /// # Errors
    /// [`EnvError::MissingAsset`] or [`EnvError::Model`].
    pub fn open(
        path: &Path,
        frame_skip: u32,
        uses_contact_forces: bool,
        camera: Camera,
    ) -> Result<Self, EnvError> {
        Self::open_changed(path, frame_skip, uses_contact_forces, camera, |_| ())
    }

    /// The same with a model that `change` has altered.
    ///
    /// # Errors
    /// As [`Simulation::open`].
    pub(super) fn open_changed(
        path: &Path,
        frame_skip: u32,
        uses_contact_forces: bool,
        camera: Camera,
        change: impl FnOnce(&mut MjModel),
    ) -> Result<Self, EnvError> {
        if !path.is_file() {
            return Err(EnvError::MissingAsset {
                path: path.to_owned(),
            });
        }
        log::install();
        let mut model =
            log::quietly(|| MjModel::from_xml(path)).map_err(|source| EnvError::Model {
                path: path.to_owned(),
                source,
            })?;
        change(&mut model);
        Ok(Self::of(
            model,
            path.to_owned(),
            frame_skip,
            uses_contact_forces,
            camera,
        ))
    }

    /// A model of ours, as if `text` lay at `path`: what it includes is taken from the folder there.
    ///
    /// # Errors
    /// [`EnvError::Model`] if MuJoCo does not accept it.
    pub(super) fn open_text(
        path: &Path,
        text: &str,
        frame_skip: u32,
        camera: Camera,
        change: impl FnOnce(&mut MjModel),
    ) -> Result<Self, EnvError> {
        log::install();
        let mut files = MjVfs::new();
        let model = files
            .add_from_buffer(path, text.as_bytes())
            .map_err(MjModelError::from)
            .and_then(|()| log::quietly(|| MjModel::from_xml_vfs(path, &files)));
        let mut model = model.map_err(|source| EnvError::Model {
            path: path.to_owned(),
            source,
        })?;
        change(&mut model);
        Ok(Self::of(model, path.to_owned(), frame_skip, false, camera))
    }

    fn of(
        model: MjModel,
        path: PathBuf,
        frame_skip: u32,
        uses_contact_forces: bool,
        camera: Camera,
    ) -> Self {
        let period_s = model.opt().timestep * f64::from(frame_skip);
        Self {
            path,
            data: MjData::new(Arc::new(model)),
            frame_skip,
            uses_contact_forces,
            period_s,
            camera,
            scratch: Vec::new(),
        }
    }

    /// MuJoCo's data.
    #[must_use]
    pub fn data(&self) -> &MjData<Arc<MjModel>> {
        &self.data
    }

    /// MuJoCo's data, to be changed by an environment.
    pub(super) fn data_mut(&mut self) -> &mut MjData<Arc<MjModel>> {
        &mut self.data
    }

    /// MuJoCo's model.
    #[must_use]
    pub fn model(&self) -> &MjModel {
        self.data.model()
    }

    /// From where it is drawn if the model has no camera named `track`.
    #[must_use]
    pub fn camera(&self) -> Camera {
        self.camera
    }

    /// Control period in seconds.
    #[must_use]
    pub fn period_s(&self) -> f64 {
        self.period_s
    }

    /// Generalised positions, `[nq]`.
    #[must_use]
    pub fn qpos(&self) -> &[f64] {
        self.data.qpos()
    }

    /// Generalised velocities, `[nv]`.
    #[must_use]
    pub fn qvel(&self) -> &[f64] {
        self.data.qvel()
    }

    /// Index of a body.
    ///
    /// # Errors
    /// [`EnvError::ModelPart`] if the model has none of that name.
    pub fn body(&self, name: &str) -> Result<usize, EnvError> {
        self.model()
            .name_to_id(MjtObjBase::mjOBJ_BODY, name)
            .ok_or_else(|| self.lacks(format!("a body named `{name}`")))
    }

    /// Index of a site.
    ///
    /// # Errors
    /// [`EnvError::ModelPart`] if the model has none of that name.
    pub fn site(&self, name: &str) -> Result<usize, EnvError> {
        self.model()
            .name_to_id(MjtObjBase::mjOBJ_SITE, name)
            .ok_or_else(|| self.lacks(format!("a site named `{name}`")))
    }

    /// Where a joint's numbers begin in `qpos` and in `qvel`.
    ///
    /// # Errors
    /// [`EnvError::ModelPart`] if the model has none of that name.
    pub fn joint(&self, name: &str) -> Result<(usize, usize), EnvError> {
        let model = self.model();
        let joint = model.name_to_id(MjtObjBase::mjOBJ_JOINT, name);
        joint
            .map(|joint| {
                let (qpos, qvel) = (model.jnt_qposadr()[joint], model.jnt_dofadr()[joint]);
                (qpos as usize, qvel as usize)
            })
            .ok_or_else(|| self.lacks(format!("a joint named `{name}`")))
    }

    /// Position of a body's frame in the world, in metres.
    #[must_use]
    pub fn body_position(&self, body: usize) -> [f64; 3] {
        self.data.xpos()[body]
    }

    /// The error for a model without a part that the task speaks of.
    #[must_use]
    pub fn lacks(&self, expected: String) -> EnvError {
        EnvError::ModelPart {
            path: self.path.clone(),
            expected,
        }
    }

    /// Starts from the model's initial state, changed by `sample`, and computes all that follows
    /// from it but contact forces on bodies, which MuJoCo leaves zero as Gymnasium does.
    pub fn reset(&mut self, sample: impl FnOnce(&mut [f64], &mut [f64])) {
        self.data.reset();
        self.scratch.clear();
        self.scratch.extend_from_slice(self.data.qpos());
        self.scratch.extend_from_slice(self.data.qvel());
        let (qpos, qvel) = self.scratch.split_at_mut(self.data.qpos().len());
        sample(qpos, qvel);
        self.data.qpos_mut().copy_from_slice(qpos);
        self.data.qvel_mut().copy_from_slice(qvel);
        self.data.forward();
    }

    /// Applies `ctrl` `[nu]` for one control period.
    pub fn step(&mut self, ctrl: &[f64]) {
        self.data.ctrl_mut().copy_from_slice(ctrl);
        self.advance();
    }

    /// Goes on for one control period with whatever drives it.
    pub(super) fn advance(&mut self) {
        for _ in 0..self.frame_skip {
            self.data.step();
        }
        if self.uses_contact_forces {
            self.data.rne_post_constraint();
        }
    }

    /// Numbers in [`Simulation::state`].
    #[must_use]
    pub fn state_len(&self) -> usize {
        self.model().state_size(STATE)
    }

    /// MuJoCo's integration state.
    #[must_use]
    pub fn state(&self) -> Vec<f64> {
        self.data.state(STATE).into_vec()
    }

    /// Returns to an integration state and computes all that follows from it.
    ///
    /// # Panics
    /// If `state` has another length than [`Simulation::state_len`].
    pub fn set_state(&mut self, state: &[f64]) {
        assert_eq!(state.len(), self.state_len(), "length of a state");
        // A state says nothing about the forces that led to it; those of an earlier life must not show.
        self.data.reset();
        self.data
            .set_state(state, STATE)
            .expect("a state of this length without history buffers is always accepted");
        self.data.forward();
    }
}
