// What a fuzz target defines, in NAME_fuzz.cc beside its decoder.
//
// The same file is linked with libFuzzer (libfuzzer_main.cc) and, in every other build, with a test
// that replays seeds and corpus (replay_main.cc). See cmake/fuzz.cmake.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shoal::fuzz {

// Feeds foreign bytes to the decoder. A crash, a failed CHECK, a finding of the sanitizers or a run
// without an end is a fault; errors are not. Keeps nothing from one call to the next.
void run(std::string_view input);

// Valid inputs to start from, at least one: what the encoders write for objects with every field
// set. What is easier to read as a file lies in tests/corpus/NAME instead.
std::vector<std::string> seeds();

}  // namespace shoal::fuzz
