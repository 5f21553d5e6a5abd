"""What a whole process or command needs: starting and stopping, following settings, examining the servers."""
