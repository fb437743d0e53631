// What a container runs when the one who asked left things open: the image's settings. Docker's
// rules (its runconfig.Merge), field by field.
#pragma once

#include <string>
#include <vector>

#include "images/image.h"
#include "model/container.h"

namespace shoal::containers {

// Fills the gaps of `config` from the image. The caller's own entrypoint drops the image's command;
// an entrypoint of one empty text means "none". Volumes that the image declares become anonymous
// volume mounts, unless something else is mounted there.
// InvalidArgument "no command specified" when nothing is left to run.
Result<void> merge_image(model::ContainerConfig& config, const images::ImageConfig& image);

// The environment of the process: PATH first when nobody gave one; of a name given twice the last
// value stays, in the first place; a bare "NAME" removes it.
std::vector<std::string> process_environment(const std::vector<std::string>& given);

}  // namespace shoal::containers
