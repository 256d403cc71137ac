import os
from pathlib import Path

import pytest

from ackd_deploy.runtime.cpu import cgroup_quota, cpu_features, cpu_info, effective_cpus


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_features_by_the_kernels_names_and_vnni_for_either_kind(tmp_path):
    zen = machine(tmp_path / "zen", {"proc/cpuinfo": "model name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512_vnni foo\n"})
    assert cpu_features(zen) == {"avx2", "avx512_vnni", "vnni"}
    alder = machine(tmp_path / "alder", {"proc/cpuinfo": "flags : avx2 avx_vnni\n"})
    assert "vnni" in cpu_features(alder)
    haswell = machine(tmp_path / "haswell", {"proc/cpuinfo": "flags : avx2 fma\n"})
    assert cpu_features(haswell) == {"avx2", "fma"}
    arm = machine(tmp_path / "arm", {"proc/cpuinfo": "Features\t: fp asimd asimddp i8mm\n"})
    assert cpu_features(arm) == {"asimd", "asimddp", "i8mm"}


def test_no_list_of_features_means_none_is_taken_for_granted(tmp_path):
    assert cpu_features(tmp_path) == frozenset()


def test_quota_of_cgroup_2_is_the_tightest_on_the_way_up(tmp_path):
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/kubepods/pod1/box\n",
            "sys/fs/cgroup/kubepods/pod1/box/cpu.max": "max 100000\n",
            "sys/fs/cgroup/kubepods/pod1/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/kubepods/cpu.max": "800000 100000\n",
        },
    )
    assert cgroup_quota(root) == 1.5
    assert effective_cpus(root) == 1


def test_quota_inside_a_container_that_sees_its_own_root(tmp_path):
    root = machine(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"})
    assert cgroup_quota(root) == 0.5
    assert effective_cpus(root) == 1


def test_quota_of_cgroup_1(tmp_path):
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert cgroup_quota(root) == 2.0


@pytest.mark.parametrize("content", ["max 100000", "", "nonsense", "100000 0", "-1 100000"])
def test_no_quota(tmp_path, content):
    root = machine(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": content})
    assert cgroup_quota(root) is None
    assert effective_cpus(root) == len(os.sched_getaffinity(0))


def test_no_files_at_all(tmp_path):
    assert cgroup_quota(tmp_path) is None
    assert effective_cpus(tmp_path) >= 1


def test_the_real_machine_describes_itself_as_json():
    facts = cpu_info().as_dict()
    assert facts["effective"] >= 1
    assert facts["machine"]
    assert isinstance(facts["features"], list)
