// The inputs that a target is replayed with: its seeds, and the files of tests/corpus/NAME.
//
// A file is taken as it is, but for *.hex, which holds hexadecimal digits and white space (no
// binary is committed). Each finding becomes a file there, named after what was wrong.
#pragma once

#include <string>
#include <vector>

namespace shoal::fuzz {

struct Input {
  std::string name;
  std::string bytes;
};

// In a fixed order. A folder that is not there has no files; a file that cannot be read ends the
// program.
std::vector<Input> inputs_of(const std::string& corpus_folder);

}  // namespace shoal::fuzz
