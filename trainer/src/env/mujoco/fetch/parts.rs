//! [`Parts`]: where in MuJoCo's arrays the parts of the arm lie.

use super::super::super::EnvError;
use super::super::Simulation;

/// The robot's slides, on which it stands.
const SLIDES: [&str; 3] = ["robot0:slide0", "robot0:slide1", "robot0:slide2"];
/// In the order in which they are observed.
const FINGERS: [&str; 2] = [
    "robot0:r_gripper_finger_joint",
    "robot0:l_gripper_finger_joint",
];

/// Indices that never change.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// Places in `qpos` of the three slides.
    pub slides: [usize; 3],
    /// Site between the fingers.
    pub grip: usize,
    /// Site that shows the goal.
    pub target: usize,
    /// Body that is welded to the one that is moved.
    pub link: usize,
    /// Places in `qpos` and `qvel` of the fingers.
    pub fingers: [(usize, usize); 2],
    /// The object, where there is one.
    pub object: Option<ObjectPart>,
    /// Place in `qpos` of each actuator's joint.
    pub actuated: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ObjectPart {
    /// Site in its middle.
    pub site: usize,
    /// Place in `qpos` of its free joint.
    pub qpos: usize,
}

impl Parts {
    /// Looks them up by name.
    ///
    /// # Errors
    /// [`EnvError::ModelPart`] if the model lacks one.
    pub fn find(simulation: &Simulation, has_object: bool) -> Result<Self, EnvError> {
        let model = simulation.model();
        if model.nmocap() != 1 {
            return Err(simulation.lacks("one mocap body".to_owned()));
        }
        let mut slides = [0; 3];
        for (place, name) in slides.iter_mut().zip(SLIDES) {
            *place = simulation.joint(name)?.0;
        }
        let mut fingers = [(0, 0); 2];
        for (place, name) in fingers.iter_mut().zip(FINGERS) {
            *place = simulation.joint(name)?;
        }
        let object = if has_object {
            Some(ObjectPart {
                site: simulation.site("object0")?,
                qpos: simulation.joint("object0:joint")?.0,
            })
        } else {
            None
        };
        let actuated = model.actuator_trnid().iter();
        let actuated = actuated.map(|[joint, _]| model.jnt_qposadr()[*joint as usize] as usize);
        Ok(Self {
            slides,
            grip: simulation.site("robot0:grip")?,
            target: simulation.site("target0")?,
            link: simulation.body("robot0:gripper_link")?,
            fingers,
            object,
            actuated: actuated.collect(),
        })
    }
}
