import pytest

from cluster import Cluster, Stack


@pytest.fixture(scope="session")
def stack():
    """The stack that all tests share; none of them harms it."""
    return Stack().up()


@pytest.fixture(scope="session")
def own_stack():
    """A second stack whose engines may be killed and stopped."""
    engines = Stack(kafka_proxy=17440, HERALD_STACK_DIR="build/stack-harmed", HERALD_STACK_PORT=17432).up()
    yield engines
    engines("down", "--wipe")


@pytest.fixture
def start_cluster():
    started = []

    def start(engines, **options):
        started.append(Cluster(engines, **options))
        return started[-1]

    yield start
    for cluster in started:
        cluster.close()


@pytest.fixture
def cluster(stack, start_cluster):
    """One process of each role."""
    return start_cluster(stack)
