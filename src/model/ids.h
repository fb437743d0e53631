// The ids of every kind of object, and Ref: how stored objects are held and shared.
#pragma once

#include <memory>

#include "base/id.h"

namespace shoal::model {

using ClusterId = Id<struct ClusterTag>;
using NodeId = Id<struct NodeTag>;
using ServiceId = Id<struct ServiceTag>;
using TaskId = Id<struct TaskTag>;
using NetworkId = Id<struct NetworkTag>;
using SecretId = Id<struct SecretTag>;
using ConfigId = Id<struct ConfigTag>;
using SessionId = Id<struct SessionTag>;

// A stored object is never edited in place: writers copy, change the copy and put it back.
template <class T>
using Ref = std::shared_ptr<const T>;

}  // namespace shoal::model
