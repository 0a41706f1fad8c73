def twice(value):
    return value + value


def reset(counter):
    counter.used = 0


def join(left, right):
    return left + " " + right


def largest(values):
    best = values[0]
    for value in values:
        if value > best:
            best = value
    return best


def read_lines(path):
    with open(path) as file:
        found = file.read().split("\n")
    return found


def run(command, timeout):
    process = subprocess.Popen(command, shell=True)
    process.wait(timeout)
    return process.returncode


def load(name):
    data = pickle.loads(open(name, "rb").read())
    return data.get("items", [])


def count(words):
    seen = {}
    for word in words:
        seen[word] = seen.get(word, 0) + 1
    return seen
