// Where the next task of a group goes: a tree of branches, one level for each placement preference,
// with the nodes that are fit at its leaves.
//
// A task goes to the branch with the fewest tasks of the service that has room, and so on down; a
// full branch spills over to the others. In a leaf it goes to the node with the lowest load. Equal
// branches are taken in the order of their labels, equal nodes in the order of their ids.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/node_set.h"

namespace shoal::scheduler {

// What decides between two nodes, as one number: the penalty for failures, then the active tasks of
// the service, then all active tasks. Each part saturates.
uint64_t load_of(uint32_t penalty, uint32_t service_tasks, uint32_t active_tasks);

// The branches that a list of preferences makes of the nodes, remembered between groups: which leaf
// each place belongs to. A leaf is a list of label values, one for each preference.
class SpreadLeaves {
 public:
  using Path = std::vector<std::string>;

  // `descriptors` outermost first; those that name no label are passed over, as Swarm does.
  explicit SpreadLeaves(const std::vector<std::string>& descriptors);

  // A small number. Computed once, until the node is forgotten.
  uint32_t leaf_of(const NodeInfo& info);
  const Path& path(uint32_t leaf) const { return *paths_[leaf]; }
  size_t size() const { return paths_.size(); }
  void forget_node(Place place);

 private:
  std::vector<std::string> descriptors_;
  std::map<Path, uint32_t> numbers_;
  std::vector<const Path*> paths_;  // by number; the keys of numbers_
  std::vector<uint32_t> by_place_;  // number + 1; 0: not known
};

class SpreadTree {
 public:
  // `leaves` must outlive the tree.
  explicit SpreadTree(SpreadLeaves& leaves) : leaves_(leaves) {}

  // Every node counts for its branches, fit or not, with the tasks of the service that it has.
  // Nodes come in id order; then finish(), once.
  void add_node(const NodeInfo& info, uint32_t service_tasks);
  void add_fit_node(const NodeInfo& info, uint32_t service_tasks, uint64_t load);
  void finish();

  // The place of the node to take next; false when there is none. Follow with one of the below.
  bool best(Place& place);
  // A task was placed on best(): its load is now this.
  void placed(uint64_t load);
  // As placed(), and there is no more room on it.
  void placed_last();

 private:
  struct Candidate {
    uint64_t load;
    uint32_t rank;  // in id order
    Place place;

    bool operator<(const Candidate& other) const {
      return load != other.load ? load < other.load : rank < other.rank;
    }
  };
  struct Branch {
    uint64_t tasks = 0;
    uint32_t rank = 0;  // among its siblings
    std::map<std::string, std::unique_ptr<Branch>> by_label;
    std::vector<Branch*> open;          // heap: the branches that may have room
    std::vector<Candidate> candidates;  // heap; leaves only
  };

  Branch& branch_of(const NodeInfo& info);
  static void finish(Branch& branch);
  static bool find_room(Branch& branch);
  void count_placed();

  SpreadLeaves& leaves_;
  Branch root_;
  std::vector<Branch*> by_leaf_;
  uint32_t next_rank_ = 0;
  std::vector<Branch*> path_;  // from below the root to the leaf of best()
};

}  // namespace shoal::scheduler
