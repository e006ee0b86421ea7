//! [`Video`]: frames of an environment, drawn without a screen and handed to `ffmpeg`.
//!
//! It refuses to know what drives the environment.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mujoco_rs::prelude::{MjData, MjModel, MjtObjBase, MjvCamera};
use mujoco_rs::renderer::{MjRenderer, RendererError};

use crate::env::Env;
use crate::env::mujoco::{Camera, Simulation};

/// Pages show animations without a player, if these are small: half as wide and high, in 64 colours chosen for the whole of it.
const GIF_FILTER: &str = "scale=iw/2:ih/2:flags=area,split[whole][sample];\
    [sample]palettegen=max_colors=64[colours];[whole][colours]paletteuse=dither=none";

/// Why no video came out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VideoError {
    /// H.264 in the usual pixel format halves the colour planes.
    #[error("expected a video size of even, positive numbers, found {width}x{height}")]
    Size {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// `ffmpeg` is not installed.
    #[error("cannot run `ffmpeg`, which writes videos (Debian: `apt install ffmpeg`)")]
    Ffmpeg(#[source] std::io::Error),
    /// No offscreen context.
    #[error(
        "cannot draw without a screen: EGL does not open \
         (Debian: `apt install libegl1 libegl-mesa0 libgl1-mesa-dri`)"
    )]
    Egl(#[source] RendererError),
    /// Nothing to draw.
    #[error("{id} cannot be drawn: it has no MuJoCo simulation")]
    Shapeless {
        /// The environment.
        id: String,
    },
    /// Drawing failed.
    #[error("cannot draw a frame")]
    Draw(#[source] RendererError),
    /// The environment's state does not fit what was opened.
    #[error("cannot draw a frame: it belongs to another environment")]
    Foreign(#[source] mujoco_rs::error::MjDataError),
    /// `ffmpeg` refused.
    #[error("{path}: ffmpeg does not write it: {words}")]
    Encode {
        /// The video.
        path: PathBuf,
        /// What it said.
        words: String,
    },
    /// The file system refused.
    #[error("{path}")]
    File {
        /// The video.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// A video being written. It appears under its name when finished, whole.
#[derive(Debug)]
pub struct Video {
    path: PathBuf,
    partial: tempfile::TempPath,
    renderer: MjRenderer,
    drawn: MjData<Box<MjModel>>,
    encoder: Child,
    /// What the encoder complains of. A file, not a pipe: nobody reads while frames are written.
    complaints: File,
}

impl Video {
    /// Starts a video of `env`, `width` by `height` pixels at `fps` frames per second. The format
    /// follows from the name, e.g. `.mp4`.
    ///
    /// # Errors
    /// If the size is odd, EGL or `ffmpeg` is missing, or the folder is not writable.
    pub fn open(
        path: &Path,
        env: &dyn Env,
        width: u32,
        height: u32,
        fps: u32,
    ) -> Result<Self, VideoError> {
        if width == 0 || height == 0 || width % 2 == 1 || height % 2 == 1 {
            return Err(VideoError::Size { width, height });
        }
        let simulation = simulation(env)?;
        let mut model = Box::new(simulation.model().clone());
        let global = &mut model.vis_mut().global;
        global.offwidth = global.offwidth.max(width as i32);
        global.offheight = global.offheight.max(height as i32);
        let renderer = MjRenderer::builder()
            .width(width)
            .height(height)
            .camera(camera(simulation.camera(), &model))
            .build(&model)
            .map_err(VideoError::Egl)?;
        let (partial, encoder, complaints) = start_encoder(path, width, height, fps)?;
        Ok(Self {
            path: path.to_owned(),
            partial,
            renderer,
            drawn: MjData::new(model),
            encoder,
            complaints,
        })
    }

    /// Adds the environment as it stands.
    ///
    /// # Errors
    /// If drawing fails or the encoder has given up.
    pub fn frame(&mut self, env: &dyn Env) -> Result<(), VideoError> {
        simulation(env)?
            .data()
            .copy_visual_to(&mut self.drawn)
            .map_err(VideoError::Foreign)?;
        self.renderer
            .sync_data(&mut self.drawn)
            .map_err(VideoError::Draw)?;
        self.renderer.render().map_err(VideoError::Draw)?;
        let pixels = self.renderer.rgb_flat().unwrap_or_default();
        let Some(pipe) = self.encoder.stdin.as_mut() else {
            return Err(self.encoder_failed());
        };
        match pipe.write_all(pixels) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.encoder_failed()),
        }
    }

    /// Ends the video and gives it its name.
    ///
    /// # Errors
    /// If the encoder or the file system refuses.
    pub fn finish(mut self) -> Result<(), VideoError> {
        drop(self.encoder.stdin.take());
        match self.encoder.wait() {
            Ok(status) if status.success() => {}
            _ => return Err(self.encoder_failed()),
        }
        let path = self.path;
        self.partial
            .persist(&path)
            .map_err(|error| VideoError::File {
                path,
                source: error.error,
            })
    }

    fn encoder_failed(&mut self) -> VideoError {
        drop(self.encoder.stdin.take());
        let status = self.encoder.wait();
        let mut words = String::new();
        let read = self
            .complaints
            .rewind()
            .and_then(|()| self.complaints.read_to_string(&mut words));
        if read.is_err() || words.trim().is_empty() {
            words = format!("{status:?}");
        }
        VideoError::Encode {
            path: self.path.clone(),
            words: words.trim().replace('\n', "; "),
        }
    }
}

fn simulation(env: &dyn Env) -> Result<&Simulation, VideoError> {
    env.simulation().ok_or_else(|| VideoError::Shapeless {
        id: env.spec().id.clone(),
    })
}

/// The camera that Gymnasium draws from: `track` where the model has it.
fn camera(wanted: Camera, model: &MjModel) -> MjvCamera {
    if let Some(track) = model.name_to_id(MjtObjBase::mjOBJ_CAMERA, "track") {
        return MjvCamera::new_fixed(track);
    }
    let mut camera = MjvCamera::new_free(model);
    if let Some(distance_m) = wanted.distance_m {
        camera.distance = distance_m;
    }
    if let Some(look_at_m) = wanted.look_at_m {
        camera.lookat = look_at_m;
    }
    if let Some(azimuth_deg) = wanted.azimuth_deg {
        camera.azimuth = azimuth_deg;
    }
    if let Some(elevation_deg) = wanted.elevation_deg {
        camera.elevation = elevation_deg;
    }
    camera
}

fn start_encoder(
    path: &Path,
    width: u32,
    height: u32,
    fps: u32,
) -> Result<(tempfile::TempPath, Child, File), VideoError> {
    let file_error = |source| VideoError::File {
        path: path.to_owned(),
        source,
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let suffix = path
        .extension()
        .map_or_else(String::new, |suffix| format!(".{}", suffix.display()));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(&suffix);
    #[cfg(unix)]
    {
        // `tempfile` creates private files; a video is as readable as any other file of its owner.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let partial = builder
        .tempfile_in(folder)
        .map_err(file_error)?
        .into_temp_path();
    let complaints = tempfile::tempfile().map_err(file_error)?;
    let is_gif = suffix.eq_ignore_ascii_case(".gif");
    let output = match is_gif {
        true => ["-filter_complex", GIF_FILTER],
        false => ["-pix_fmt", "yuv420p"],
    };
    let encoder = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-f", "rawvideo"])
        .args(["-pix_fmt", "rgb24", "-s", &format!("{width}x{height}")])
        .args(["-r", &fps.to_string(), "-i", "-", "-an"])
        .args(output)
        .arg(&partial)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(complaints.try_clone().map_err(file_error)?)
        .spawn()
        .map_err(VideoError::Ffmpeg)?;
    Ok((partial, encoder, complaints))
}
