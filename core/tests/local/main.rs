//! The local store: several processes, forks, damaged files, full disks, replaced files.

mod damage;
mod fork;
mod limits;
mod processes;
mod replaced;
