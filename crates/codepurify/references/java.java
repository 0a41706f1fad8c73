class References {
    int next() {
        return values[at++];
    }

    void send(String text) throws IOException {
        out.write(text.getBytes());
    }

    boolean same(Object other) {
        return other.hashCode() == hashCode();
    }

    int twice(int value) {
        return value + value;
    }

    void reset() {
        this.used = 0;
    }

    public String join(String left, String right) {
        return left + " " + right;
    }

    public static int largest(int[] values) {
        int best = values[0];
        for (int value : values) {
            if (value > best) best = value;
        }
        return best;
    }

    public void copy(InputStream in, OutputStream out) throws IOException {
        byte[] buffer = new byte[1024];
        int count;
        while ((count = in.read(buffer)) > 0) {
            out.write(buffer, 0, count);
        }
        out.close();
    }

    private List<String> lines(File file) throws IOException {
        List<String> found = new ArrayList<String>();
        BufferedReader reader = new BufferedReader(new FileReader(file));
        String line = reader.readLine();
        while (line != null) {
            found.add(line);
            line = reader.readLine();
        }
        return found;
    }

    public String digest(String text) throws NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-1");
        digest.update(text.getBytes());
        StringBuilder out = new StringBuilder();
        for (byte part : digest.digest()) {
            out.append(Integer.toHexString(part));
        }
        return out.toString();
    }

    void sort(int[] items) {
        for (int i = 0; i < items.length; i++) {
            for (int j = i; j > 0 && items[j] < items[j - 1]; j--) {
                int held = items[j];
                items[j] = items[j - 1];
                items[j - 1] = held;
            }
        }
    }
}
