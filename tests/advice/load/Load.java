// Puts a load on the pool of the HikariCP snippet, whose "SELECT 1" was replaced by Load.statement. Prints what failed,
// as JSON.
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

public final class Load {
    static volatile String statement = "SELECT 1/0";

    public static void main(String[] arguments) throws Exception {
        Map<String, Integer> refused = new ConcurrentHashMap<>(), failed = new ConcurrentHashMap<>();
        try (Database database = new Database(System.getenv("PGPASSWORD"))) {
            work(database, 9, refused); // more often than the pool has connections: each has to come back
            statement = "SELECT 1";
            List<Thread> threads = new ArrayList<>();
            for (int number = 0; number < 8; number++) {
                threads.add(new Thread(() -> work(database, 25, failed)));
            }
            for (Thread thread : threads) {
                thread.start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
        }
        StringBuilder told = new StringBuilder();
        for (Map.Entry<String, Integer> one : new TreeMap<>(failed).entrySet()) {
            told.append(told.length() > 0 ? "," : "").append('"');
            told.append(one.getKey().replaceAll("[\"\\\\\\p{Cntrl}]", " ")).append("\":").append(one.getValue());
        }
        int sum = refused.values().stream().mapToInt(Integer::intValue).sum();
        System.out.println("{\"refused\":" + sum + ",\"failed\":{" + told + "}}");
    }

    static void work(Database database, int times, Map<String, Integer> errors) {
        for (int time = 0; time < times; time++) {
            try {
                database.work();
            } catch (Exception error) {
                errors.merge(String.valueOf(error.getMessage()), 1, Integer::sum);
            }
        }
    }
}
