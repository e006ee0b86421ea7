//! [`Camera`]: from where an environment is drawn. It draws nothing itself.

/// Changes to MuJoCo's free camera, used where the model has no camera named `track`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Metres to the point looked at; absent means 1.5 times the model's extent.
    pub distance_m: Option<f64>,
    /// The point looked at; absent means the model's centre.
    pub look_at_m: Option<[f64; 3]>,
    /// Degrees about the vertical; absent means 90.
    pub azimuth_deg: Option<f64>,
    /// Degrees above the horizon; absent means -45.
    pub elevation_deg: Option<f64>,
}

impl Camera {
    /// MuJoCo's own choice.
    pub const DEFAULT: Self = Self {
        distance_m: None,
        look_at_m: None,
        azimuth_deg: None,
        elevation_deg: None,
    };
}
