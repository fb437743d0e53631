// Arithmetic on resources: what a node has left, and which generic resources a task gets.
//
// A node describes a kind of generic resource either as a count ("gpu": 4) or as named pieces
// ("gpu": "UUID1", "gpu": "UUID2"); a task asks for counts only and is given a part of either.
#pragma once

#include <vector>

#include "model/service.h"

namespace shoal::model {

using GenericResources = std::vector<GenericResource>;

// Pieces of `kind` among `resources`: the sum of its counts, and one for each name.
int64_t generic_count(const GenericResources& resources, const std::string& kind);

// Whether `available` holds every count that `wanted` asks for.
bool has_generic(const GenericResources& available, const GenericResources& wanted);

// Takes what `wanted` asks for out of `available`, and returns it: names in their order where the
// node has names, a count otherwise. has_generic() must hold.
GenericResources claim_generic(GenericResources& available, const GenericResources& wanted);

// Takes exactly `taken` out; what is not there is passed over (the node has less than it had).
void take_generic(GenericResources& available, const GenericResources& taken);

}  // namespace shoal::model
